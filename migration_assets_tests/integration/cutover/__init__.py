"""The cutover between both servers."""
