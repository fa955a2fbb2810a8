"""The page of `mutransfer report`: what was asked, the answer, and why it can be believed."""
