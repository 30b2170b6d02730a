// Package systemtest holds the tests that go through a deployed stack: real messages, real functions, real log
// lines. They run where TEST_ENDPOINT names a local cloud with the stack on it, and are skipped elsewhere;
// ./scripts/test-system.sh brings up a stack of its own for them.
package systemtest
