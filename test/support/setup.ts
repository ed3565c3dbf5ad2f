import nock from "nock";
import { afterEach, expect } from "vitest";

// A test talks to this machine's loopback and to nock, and to nothing else.
nock.disableNetConnect();
nock.enableNetConnect(/^(127\.|localhost|\[::1\])/);

afterEach(() => {
  const pending = nock.pendingMocks();
  nock.cleanAll();
  expect(pending).toEqual([]);
});
