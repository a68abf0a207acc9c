"""What is known of stochastic Runge–Kutta methods: strong and weak order, mean-square stability, exact moments."""
