/**
 * A whole node with the embedded log, registry and backbone, as `sluice serve` starts it where no NATS and no Redis are named. Where they are, it is one more
 * node of somebody's cluster.
 */
import { startGateway } from '../lib/gateway-node.ts'
import { serve } from '../lib/measured-server.ts'
import type { ConfigInput } from '../../src/config/schema.ts'

serve((settings: ConfigInput | null) => startGateway(settings ?? {}))
