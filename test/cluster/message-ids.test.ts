import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ConfigInput } from '../../src/config/schema.ts'
import { NatsLink } from '../../src/drivers/nats.ts'
import { RawClient, type Frame } from '../support/raw-client.ts'
import { startCluster, type StartedCluster } from '../support/start-cluster.ts'
import { startNode, type StartedNode } from '../support/start-node.ts'

/** Idempotency ids: one rule at every door and in every log, and nobody can use up another's. */

const namespaces: ConfigInput['namespaces'] = {
  brief: { delivery: 'ephemeral', clientPublish: 'fanout' },
  news: { clientPublish: 'fanout' },
}
const CHANNELS = ['brief:1', 'news:1', 'jobs:1'] as const

type Answer = Readonly<Record<string, unknown>>

let cluster: StartedCluster
let node: StartedNode
let alone: StartedNode
let backend: NatsLink
const clients = new Map<string, RawClient>()

beforeAll(async () => {
  cluster = await startCluster(2, {
    namespaces: { ...namespaces, jobs: { delivery: 'durable', clientPublish: 'fanout' } },
  })
  node = cluster.nodes[0] as StartedNode
  alone = await startNode({ namespaces: { ...namespaces, jobs: { clientPublish: 'fanout' } } })
  backend = new NatsLink({ urls: [cluster.nats.url], name: 'backend' })
  backend.start()
  await backend.flush()
})
afterAll(async () => {
  for (const client of clients.values()) client.cut()
  await backend.close()
  await cluster.close()
  await alone.close()
})

async function clientOf(user: string, at = node): Promise<RawClient> {
  const key = `${at.id} ${user}`
  const known = clients.get(key)
  if (known !== undefined) return known
  const url = `ws://127.0.0.1:${at.port}/v1/ws`
  const { client } = await RawClient.connect(url, { token: await at.token(user) })
  clients.set(key, client)
  return client
}

let ref = 0
async function asClient(user: string, channel: string, id: string, at = node): Promise<Answer> {
  const client = await clientOf(user, at)
  return client.request({ type: 'publish', ref: ++ref, channel, id, data: 1, from: 'somebody else' })
}

async function overHttp(channel: string, id: string, at = node): Promise<Answer> {
  return (await (await at.api('POST', '/v1/publish', { channel, id, data: 1 })).json()) as Answer
}

/** With the bytes of the header as they are: a client library would not send each of these. */
async function overNats(channel: string, id: Buffer): Promise<Answer> {
  const head = Buffer.concat([Buffer.from('NATS/1.0\r\nNats-Msg-Id: '), id, Buffer.from('\r\n\r\n')])
  const socket = connect({ host: '127.0.0.1', port: cluster.nats.port })
  try {
    return await new Promise<Answer>((resolve, reject) => {
      socket.on('error', reject)
      let text = ''
      socket.on('data', (bytes: Buffer) => {
        text += bytes.toString()
        if (/PING\r\n/.test(text)) socket.write('PONG\r\n')
        const answer = /MSG answer 1 \d+\r\n(.*)\r\n/.exec(text)?.[1]
        if (answer !== undefined) resolve(JSON.parse(answer) as Answer)
      })
      socket.write('CONNECT {"headers":true,"verbose":false,"protocol":1}\r\nSUB answer 1\r\n')
      socket.write(`HPUB sluice.publish.${channel} answer ${head.length} ${head.length + 1}\r\n`)
      socket.write(Buffer.concat([head, Buffer.from('1\r\n')]))
    })
  } finally {
    socket.destroy()
  }
}

function codeOf(answer: Answer): unknown {
  return answer['type'] === 'error' ? answer['code'] : (answer['error'] as Answer | undefined)?.['code']
}

describe('an id', () => {
  const unfit: [string, string, Buffer?][] = [
    ['that is empty', ''],
    ['of 129 characters', 'x'.repeat(129)],
    ['with a lone surrogate', 'a\uD800', Buffer.from('61eda080', 'hex')],
    ['with a surrogate that stands second', '\uDC00\uD800', Buffer.from('edb080', 'hex')],
    ['that is not UTF-8', 'a\uFFFD', Buffer.from('61ff', 'hex')],
    ['with a control character', 'a\u0000b'],
    ['with a tabulator', 'a\tb'],
    ['with a control character beyond ASCII', 'a\u0085b'],
  ]
  it.each(unfit)(
    '%s is refused alike by every door and whatever keeps the messages',
    async (_, id, bytes) => {
      const answers: Record<string, unknown> = {}
      for (const channel of CHANNELS) {
        answers[`HTTP, ${channel}`] = codeOf(await overHttp(channel, id))
        answers[`HTTP, ${channel}, in memory`] = codeOf(await overHttp(channel, id, alone))
        answers[`NATS, ${channel}`] = codeOf(await overNats(channel, bytes ?? Buffer.from(id)))
        answers[`client, ${channel}`] = codeOf(await asClient('ann', channel, id))
        answers[`client, ${channel}, in memory`] = codeOf(await asClient('ann', channel, id, alone))
      }
      expect(Object.entries(answers).filter(([, code]) => code !== 'bad_request')).toEqual([])
    },
  )

  it.each(['x'.repeat(128), 'é🎉 %', '}{', 'constructor'])(
    '%j is taken alike, and comes as it was',
    async (id) => {
      for (const at of [node, alone]) {
        const reader = await clientOf('reader', at)
        for (const channel of CHANNELS) {
          await reader.request({ type: 'subscribe', ref: ++ref, channel })
          const come = async (answer: Answer): Promise<Frame> => {
            expect(codeOf(answer)).toBeUndefined()
            return reader.find(({ type, channel: where }) => type === 'message' && where === channel)
          }
          expect(await come(await overHttp(channel, id, at))).toMatchObject({ id })
          expect(await come(await asClient('cem', channel, id, at))).toMatchObject({ id, from: 'cem' })
        }
      }
    },
  )

  it.each(['news:2', 'jobs:2'])('of a client does not use up that of a backend: %s', async (channel) => {
    for (const at of [node, alone]) {
      const guessed = await asClient('mallory', channel, 'order-42', at)
      const published = await overHttp(channel, 'order-42', at)
      expect(published).not.toHaveProperty('duplicate')
      expect(published['offset']).toBeGreaterThan(guessed['offset'] as number)
      const others = await asClient('ann', channel, 'order-42', at)
      expect(others).not.toHaveProperty('duplicate')
      // The user's own is his, over whichever connection.
      const again = await asClient('mallory', channel, 'order-42', at)
      expect(again).toMatchObject({ duplicate: true, offset: guessed['offset'] })
      expect(await overHttp(channel, 'order-42', at)).toEqual({ ...published, duplicate: true })
    }
  })

  it.each(['news:3', 'jobs:3'])('of backends is the same over HTTP and NATS: %s', async (channel) => {
    const first = await overHttp(channel, 'same')
    expect(await overNats(channel, Buffer.from('same'))).toEqual({ ...first, duplicate: true })
  })
})

describe('from', () => {
  it.each(['brief:from', 'news:from', 'jobs:from'])(
    'is told of what clients publish, on every transport: %s',
    async (channel) => {
      const reader = await clientOf(`reader of ${channel}`)
      await reader.request({ type: 'subscribe', ref: ++ref, channel })
      const authorization = `Bearer ${await node.token('poller')}`
      const url = `http://127.0.0.1:${node.port}/v1/poll?channels=${channel}`
      const poll = async (more: string): Promise<{ messages: Answer[]; cursor: string }> =>
        (await (await fetch(url + more, { headers: { authorization } })).json()) as never
      const { cursor } = await poll('&wait=0')
      const answer = await asClient('böse "ann"', channel, `from ${channel}`)
      expect(codeOf(answer)).toBeUndefined()
      await overHttp(channel, `backend ${channel}`)
      const came = [await reader.next('message'), await reader.next('message')]
      expect(came.map((frame) => frame['from'])).toEqual(['böse "ann"', undefined])
      // Nobody polls an ephemeral channel between two polls.
      if (channel === 'brief:from') return
      const { messages } = await poll(`&wait=25&cursor=${cursor}`)
      expect(messages.map((message) => message['from'])).toEqual(['böse "ann"', undefined])
      const history = await node.api('GET', `/v1/channels/${channel}/messages?last=2`)
      const kept = ((await history.json()) as { messages: Answer[] }).messages
      expect(kept.map((message) => message['from'])).toEqual(['böse "ann"', undefined])
    },
  )

  it('is not a field of a backend', async () => {
    const answer = await node.api('POST', '/v1/publish', { channel: 'news:1', data: 1, from: 'ann' })
    expect(answer.status).toBe(400)
  })
})
