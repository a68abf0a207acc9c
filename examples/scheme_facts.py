"""What stiffness, step control and processors leave of schemes: facts that decide which one to take, proved.

python examples/scheme_facts.py
"""

import tableau2net as t2n
from tableau2net.analysis import additive_ssp, algebraic_orders, internal_amplification, stage_graph, step_control

print("order, stage order, weak stage order, order on stiff problems; on DAEs of index 2")
for name in ("hairer-wanner-sdirk-43", "wso-dirk-4-3", "esdirk-437l2sa", "radau-iia-3"):
    found, dae = t2n.report(t2n.load(name)), algebraic_orders(t2n.load(name))
    orders = [found[key] for key in ("order", "stage_order", "weak_stage_order", "stiff_order")]
    print(f"  {name:24}", *orders, f" y {dae.index_2}, z {dae.index_2_z}")

print("where stability limits the step of Dormand-Prince, on the negative real axis")
for law, stable in step_control(t2n.load("dormand-prince-54")).stable.items():
    print(f"  {law:8} {'comes to rest' if stable[0] else 'swings'}")

print("an error in a stage comes out so much larger")
for name in ("rk4", "ssprk-104", "rkc2-6"):
    print(f"  {name:24} {float(internal_amplification(t2n.load(name)).largest):.4g}")

print("what can run at once")
for name in ("rk4", "kutta-5", "extrapolated-euler-6"):
    print(f"  {name:24} {stage_graph(t2n.load(name))}")

print("steps with both fields of a pair that keep convex bounds, in units of forward Euler's")
for name in ("pareschi-russo-ssp2-222", "pareschi-russo-ssp3-433"):
    print(f"  {name:24} {additive_ssp(t2n.load(name))}")
