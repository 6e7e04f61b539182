test:
	@scripts/test-minimal
