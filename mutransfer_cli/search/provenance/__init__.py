"""What trials depend on besides the recipe: code, files, versions and the device."""
