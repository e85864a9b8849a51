"""Files made to do harm, or damaged on the way: made when the tests run, so that none lies about."""
