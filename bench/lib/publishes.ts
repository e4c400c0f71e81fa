/** Publishes over HTTP to a node of a process, and the CPU time of one, for programs that measure one question. */
import type { GatewayProcess } from '../../test/support/gateway-process.ts'
import { tokenOf } from '../../test/support/gateway-process.ts'
import { RawClient } from '../../test/support/raw-client.ts'

const IN_FLIGHT = 16
const PAYLOAD = 'x'.repeat(128)
const LOOK_MS = 10

/** Since it was started. */
export async function cpuUs(node: GatewayProcess): Promise<number> {
  const seconds = await Promise.all(
    ['user', 'system'].map((where) => node.metric(`process_cpu_${where}_seconds_total`)),
  )
  return seconds.reduce((sum, one) => sum + one, 0) * 1e6
}

export function subscribers(node: GatewayProcess, channel: string, count: number): Promise<RawClient[]> {
  return Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const token = await tokenOf(`user-${index}`)
      const { client } = await RawClient.connect(`ws://127.0.0.1:${node.port}/v1/ws`, { token })
      await client.request({ type: 'subscribe', ref: 1, channel })
      return client
    }),
  )
}

/** Resolves once all of `clients` have them. */
export async function publishTo(
  node: GatewayProcess,
  clients: readonly RawClient[],
  channel: string,
  count: number,
): Promise<void> {
  const before = clients.map(({ frames }) => frames.length)
  let left = count
  const worker = async (): Promise<void> => {
    while (left-- > 0) {
      const answer = await node.api('POST', '/v1/publish', { channel, data: PAYLOAD })
      if (answer.status !== 200) throw new Error(`a publish was answered with ${answer.status}`)
      await answer.arrayBuffer()
    }
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker))
  while (clients.some(({ frames }, index) => frames.length < (before[index] as number) + count))
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
}
