import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { NatsLink } from '../../src/drivers/nats.ts'
import { patientDuration, patientMs } from '../support/patience.ts'
import { startCluster, type StartedCluster } from '../support/start-cluster.ts'
import type { StartedNode } from '../support/start-node.ts'

/** What backends notice of a node that leaves: nothing, neither over HTTP nor over NATS. */

const BURST = 500
/** A publish that nobody answers fails then; one that is answered takes milliseconds. */
const ANSWER_MS = patientMs(10_000)

let cluster: StartedCluster
let backend: NatsLink

beforeAll(async () => {
  cluster = await startCluster(2)
  backend = new NatsLink({ urls: [cluster.nats.url], name: 'backend' })
  backend.start()
  await backend.flush()
})
afterAll(async () => {
  await backend.close()
  await cluster.close()
})

const publishOverNats = async (data: number): Promise<unknown> => {
  const answer = await backend.request('sluice.publish.room', Buffer.from(String(data)), ANSWER_MS)
  return JSON.parse(answer.data.toString())
}

const publishOverHttp = (node: StartedNode): Promise<Response> =>
  node.api('POST', '/v1/publish', { channel: 'room', data: 1 })

it('over NATS each publish that was given to it is answered', async () => {
  const leaving = await cluster.join()
  const answers = Array.from({ length: BURST }, (_, index) => publishOverNats(index))
  // The server has spread them over the nodes by then, and this one has not read them.
  await leaving.close()
  const position = { epoch: expect.any(String), offset: expect.any(Number) }
  expect(await Promise.all(answers)).toEqual(Array.from({ length: BURST }, () => position))
})

it('over HTTP a publish of which it has a part is answered, however late the rest comes', async () => {
  const leaving = await cluster.join()
  const body = '{"channel":"room","data":1}'
  const socket = connect({ port: leaving.apiPort, host: '127.0.0.1' })
  socket.write(
    `POST /v1/publish HTTP/1.1\r\nHost: node\r\nAuthorization: Bearer ${leaving.apiKey}\r\n` +
      `Content-Length: ${body.length}\r\n\r\n${body.slice(0, 10)}`,
  )
  // Comes over a later connection, so the node has the publish by the time it answers this.
  await leaving.api('GET', '/livez')
  const closed = leaving.close()
  await expect.poll(() => isListed(leaving)).toBe(false)
  socket.write(body.slice(10))
  expect((await text(socket)).split('\r\n')[0]).toBe('HTTP/1.1 200 OK')
  await closed
})

it('over HTTP a kept connection ends with an answer as soon as it leaves, and not before', async () => {
  const leaving = await cluster.join({ drain: { deregisterDelay: patientDuration(3000) } })
  expect((await publishOverHttp(leaving)).headers.get('connection')).not.toBe('close')
  const drained = leaving.drain()
  const last = await publishOverHttp(leaving)
  expect([last.status, last.headers.get('connection')]).toEqual([200, 'close'])
  await drained
})

async function isListed({ id }: StartedNode): Promise<boolean> {
  const answer = await (cluster.nodes[0] as StartedNode).api('GET', '/v1/nodes')
  const { nodes } = (await answer.json()) as { readonly nodes: readonly { readonly id: string }[] }
  return nodes.some((node) => node.id === id)
}
