"""What holds blocks together: a row of them with transitions, an opening and a head."""
