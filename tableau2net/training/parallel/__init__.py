"""One run over many processes, started by torchrun: who is who, normalisation over all of them, one gradient."""

from tableau2net.training.parallel.batch_norm import synchronised
from tableau2net.training.parallel.gradients import total_gradients
from tableau2net.training.parallel.join import joined
from tableau2net.training.parallel.ranks import Ranks, SaidElsewhere, find_ranks

__all__ = ["Ranks", "SaidElsewhere", "find_ranks", "joined", "synchronised", "total_gradients"]
