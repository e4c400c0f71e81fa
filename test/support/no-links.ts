import type { LinkPorts } from '../../src/transport/ports.ts'
import { Seal } from '../../src/seal.ts'

/** For a node in a test that no client comes to over HTTP. */
export const NO_LINKS: LinkPorts = {
  nodeId: 'node',
  seal: new Seal('a-secret-for-tests-of-more-than-32-bytes', 'link'),
  relay: () => Promise.resolve({ status: 404, body: '' }),
  holds: () => undefined,
}
