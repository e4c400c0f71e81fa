/** The same node over a nats-server and a redis-server, which run on the load's core. */
import { startBeside } from '../lib/beside.ts'
import { LOAD_CORE } from '../lib/cores.ts'
import { startGateway } from '../lib/gateway-node.ts'
import { serve } from '../lib/measured-server.ts'

serve(async () => {
  const { settings, pids } = await startBeside(LOAD_CORE)
  return { ...(await startGateway(settings)), pids, settings }
})
