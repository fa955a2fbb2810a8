"""What else the page shows beside a fit: entangled pairs, checks, probes, laws, forecasts."""
