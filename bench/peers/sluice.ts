/** A whole node with the embedded log, registry and backbone, as `sluice serve` starts it where no NATS and no Redis are named. */
import { startGateway } from '../lib/gateway-node.ts'
import { serve } from '../lib/measured-server.ts'

serve(() => startGateway())
