/** Backends with a library of Centrifuge, against a node. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startNode, type StartedNode } from '../support/start-node.ts'

let node: StartedNode

beforeAll(async () => {
  node = await startNode({ dialects: { centrifuge: {} } })
})
afterAll(() => node.close())

async function call(method: string, params: object, headers: Record<string, string>): Promise<Response> {
  return fetch(`http://127.0.0.1:${node.apiPort}/api/${method}`, {
    method: 'POST',
    headers,
    body: JSON.stringify(params),
  })
}

it('a backend publishes by its key, in the two ways in which libraries send it, and reads what it has published', async () => {
  const keys = [{ 'x-api-key': node.apiKey }, { authorization: `apikey ${node.apiKey}` }]
  for (const [index, headers] of keys.entries()) {
    const published = await call('publish', { channel: 'news', data: { n: index } }, headers)
    expect(published.status).toBe(200)
    expect(await published.json()).toMatchObject({ result: { offset: index + 1 } })
  }
  const history = await call('history', { channel: 'news', limit: 10 }, keys[0] as Record<string, string>)
  expect(await history.json()).toMatchObject({
    result: {
      publications: [
        { data: { n: 0 }, offset: 1 },
        { data: { n: 1 }, offset: 2 },
      ],
      offset: 2,
    },
  })
})

it.each([{ 'x-api-key': 'another' }, { authorization: 'apikey another' }, {}])(
  'a request with the key %o is refused',
  async (headers) => {
    expect((await call('publish', { channel: 'news', data: 1 }, headers)).status).toBe(401)
  },
)

it('a body that is no JSON object is answered with 400', async () => {
  const headers = { 'x-api-key': node.apiKey }
  expect((await call('info', [], headers)).status).toBe(400)
  expect(await (await call('info', {}, headers)).json()).toMatchObject({
    result: { nodes: [{ uid: node.id }] },
  })
})

it('a node without the dialect has nothing there', async () => {
  const plain = await startNode()
  try {
    expect((await plain.api('POST', '/api/publish', { channel: 'news', data: 1 })).status).toBe(404)
  } finally {
    await plain.close()
  }
})

it('a library that names its methods in the body is answered line by line, in order', async () => {
  const ask = async (body: string): Promise<Response> =>
    fetch(`http://127.0.0.1:${node.apiPort}/api`, {
      method: 'POST',
      headers: { authorization: `apikey ${node.apiKey}` },
      body,
    })
  const lines = [
    { method: 'publish', params: { channel: 'lines', data: { n: 1 } } },
    { method: 'history', params: { channel: 'lines', limit: 1 } },
    { method: 'info' },
    { method: 'disconnect', params: { user: 'nobody' } },
    { method: 'none', params: null },
  ]
  const answer = await ask(lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
  expect(answer.status).toBe(200)
  const replies = (await answer.text()).split('\n').map((line) => JSON.parse(line) as unknown)
  expect(replies).toMatchObject([
    { result: { offset: 1 } },
    { result: { publications: [{ data: { n: 1 } }] } },
    { result: { nodes: [{ uid: node.id }] } },
    { result: {} },
    { error: { code: 107 } },
  ])
  for (const unfit of ['', '[]', '{"params":{}}', '{"method":"info","params":1}', '{"method":"publish"'])
    expect((await ask(unfit)).status).toBe(400)
})

it('what phpcent sends is answered, with the empty values of what nobody has set', async () => {
  const answers = async (method: string, params: object): Promise<Record<string, unknown>> => {
    const answer = await call(method, params, { 'x-api-key': node.apiKey, 'user-agent': 'curl/7.39.0' })
    // Of anything but 200 the library makes an exception.
    expect(answer.status).toBe(200)
    return ((await answer.json()) as { result?: Record<string, unknown> }).result ?? {}
  }
  const channel = 'php'
  const nobody = { user: '42', client: '' }
  expect(await answers('publish', { channel, data: [], skip_history: false })).toMatchObject({ offset: 1 })
  const broadcast = { channels: [channel, 'php-2'], data: { n: 2 }, skip_history: false }
  expect((await answers('broadcast', broadcast))['responses']).toMatchObject([
    { result: { offset: 2 } },
    { result: { offset: 1 } },
  ])
  const { epoch, ...newest } = await answers('history', { channel, limit: 0, reverse: false })
  expect(newest).toEqual({ publications: [], offset: 2 })
  const since = { channel, limit: 5, reverse: false, since: { offset: 1, epoch } }
  expect(await answers('history', since)).toMatchObject({ publications: [{ data: { n: 2 } }] })
  expect(await answers('subscribe', { channel, ...nobody })).toEqual({})
  expect(await answers('unsubscribe', { channel, ...nobody })).toEqual({})
  expect(await answers('disconnect', nobody)).toEqual({})
  expect(await answers('history_remove', { channel })).toEqual({})
  expect(await answers('history', { channel, limit: 5, reverse: false })).toMatchObject({ publications: [] })
  expect(await answers('channels', { pattern: '' })).toEqual({ channels: {} })
  expect(await answers('info', {})).toMatchObject({ nodes: [{ uid: node.id }] })
  const commands = [{ publish: { channel, data: { n: 3 }, idempotency_key: '' } }, { info: {} }]
  expect((await answers('batch', { commands, parallel: true }))['replies']).toMatchObject([
    { publish: { offset: 3 } },
    { info: {} },
  ])
})
