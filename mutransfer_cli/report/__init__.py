"""Pictures of studies and fits."""
