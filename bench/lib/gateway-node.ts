/**
 * A node as `sluice serve` starts it, in the process of a peer: it logs, and counts what each client sends. Only the limits are so high, or
 * off, that they do not stop a load that comes from one address.
 */
import { API_KEY, AS_MODULES, ROOM, TOKEN_SECRET, type Ports } from '../peers/terms.ts'
import type { ConfigInput } from '../../src/config/schema.ts'

const gateway = new URL('../gateway/', import.meta.url)
const [namespace = ''] = ROOM.split(':')

/** As shipped, but for limits on a load that knocks as fast as it can from one address, and whose one publisher sends for a thousand. */
export function measuredSettings(port = 0, apiPort = 0): ConfigInput {
  return {
    host: '127.0.0.1',
    port,
    api: { host: '127.0.0.1', port: apiPort, keys: [`bench:publish:${API_KEY}`] },
    auth: { jwtSecret: TOKEN_SECRET },
    namespaces: { [namespace]: { clientPublish: 'fanout' } },
    limits: {
      framesPerSecond: 1_000_000,
      bytesPerSecond: '1GiB',
      bytesBurst: '1GiB',
      publishesPerUserPerSecond: 0,
    },
    admission: { connectionsPerSecond: 0, perAddressPerSecond: 0, maxLoopLag: 0 },
  }
}

export async function startGateway(settings: ConfigInput = {}): Promise<Ports> {
  // As the command does.
  const { holdYoungGeneration, releaseYoungGeneration } = (await import(
    new URL('cli/young-generation.js', gateway).href
  )) as typeof import('../../src/cli/young-generation.ts')
  holdYoungGeneration()
  // The bundle is what the command runs.
  const library = process.env[AS_MODULES] === '1' ? 'index.js' : 'bundle/index.js'
  const { createNode, loadConfig } = (await import(
    new URL(library, gateway).href
  )) as typeof import('../../src/index.ts')
  const config = loadConfig({
    settings: { ...settings, ...measuredSettings() },
  })
  const node = await createNode(config)
  await node.start()
  releaseYoungGeneration()
  return { port: portOf(node.url), apiPort: portOf(node.apiUrl) }
}

function portOf(url: string): number {
  return Number(new URL(url).port)
}
