"""Which way of training is the fastest on a device."""
