/**
 * What spans cost: `node --import tsx bench/tracing.ts`. A node alone takes publishes for ten subscribers: without the variables of OpenTelemetry, with one
 * trace in a hundred, and with all of them, in turn, in the same run. Printed is its CPU time for a publish.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { cpuUs, publishTo, subscribers } from './lib/publishes.ts'
import { GatewayProcess } from '../test/support/gateway-process.ts'
import { freePorts, temporaryDirectory } from '../test/support/server-process.ts'

const SUBSCRIBERS = 10
const WARM_UP = 5000
const MESSAGES = 10_000
const ROUNDS = 3

/** It takes what it is sent, as a collector does. */
const collector = createServer((request, response) => request.resume().on('end', () => response.end('{}')))
await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve))
const endpoint = {
  OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(collector.address() as AddressInfo).port}`,
}
const FORMS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'no tracing': {},
  'one in a hundred': {
    ...endpoint,
    OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
    OTEL_TRACES_SAMPLER_ARG: '0.01',
  },
  'every publish': endpoint,
}
const VARIABLES = [...Object.keys(endpoint), 'OTEL_TRACES_SAMPLER', 'OTEL_TRACES_SAMPLER_ARG']
const directory = temporaryDirectory('tracing')

async function perPublishUs(env: Readonly<Record<string, string>>): Promise<number> {
  // A node has what this process has.
  for (const name of VARIABLES) delete process.env[name]
  Object.assign(process.env, env)
  const [port, apiPort] = (await freePorts(2)) as [number, number]
  const node = new GatewayProcess([port, apiPort], directory.path, {})
  await node.start()
  try {
    const clients = await subscribers(node, 'news', SUBSCRIBERS)
    await publishTo(node, clients, 'news', WARM_UP)
    const before = await cpuUs(node)
    await publishTo(node, clients, 'news', MESSAGES)
    const spent = ((await cpuUs(node)) - before) / MESSAGES
    for (const client of clients) client.cut()
    return spent
  } finally {
    await node.kill()
  }
}

try {
  for (let round = 1; round <= ROUNDS; round++) {
    const found: string[] = []
    for (const [name, env] of Object.entries(FORMS))
      found.push(`${name}: ${(await perPublishUs(env)).toFixed(1)} µs`)
    console.log(found.join('; '))
  }
} finally {
  collector.close()
  collector.closeAllConnections()
  directory.remove()
}
