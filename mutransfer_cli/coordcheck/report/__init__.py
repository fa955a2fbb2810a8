"""Results of a check in the forms that CI systems read."""
