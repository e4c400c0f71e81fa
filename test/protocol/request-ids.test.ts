import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { EventStream } from '../support/event-stream.ts'
import { RawClient, RefusedHandshake } from '../support/raw-client.ts'
import { startNode, type StartedNode } from '../support/start-node.ts'

/** Whoever reports that something went wrong has a name for it, and whoever looks at the log finds it by that. */

let node: StartedNode
beforeAll(async () => {
  node = await startNode({ allowedOrigins: ['https://app.example.com'] })
})
afterAll(() => node.close())

const ID = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/
const ask = (path: string, init: RequestInit = {}): Promise<Response> =>
  fetch(`http://127.0.0.1:${node.port}${path}`, init)

describe('an answer of the public listener names its request', () => {
  it.each<[string, number, RequestInit]>([
    ['/nothing', 404, {}],
    ['/v1/sse', 401, {}],
    ['/v1/poll', 405, { method: 'POST' }],
    ['/v1/poll', 204, { method: 'OPTIONS' }],
    ['/v1/poll', 403, { headers: { origin: 'https://other.example.com' } }],
    ['/v1/ws', 400, {}],
  ])('%s, %i', async (path, status, init) => {
    const answer = await ask(path, init)
    expect(answer.status).toBe(status)
    expect(answer.headers.get('x-request-id')).toMatch(ID)
  })

  it('a stream and a poll, too', async () => {
    const token = await node.token('ann')
    const stream = await EventStream.open(`http://127.0.0.1:${node.port}/v1/sse?channels=a&token=${token}`)
    expect(stream.response.headers.get('x-request-id')).toMatch(ID)
    stream.close()
    const poll = await ask(`/v1/poll?channels=a&wait=0&token=${token}`, {
      headers: { 'x-request-id': 'mine-1' },
    })
    expect(poll.headers.get('x-request-id')).toBe('mine-1')
  })

  it('a handshake that is refused', async () => {
    const refused = await RawClient.open(`ws://127.0.0.1:${node.port}/v1/ws`, {
      origin: 'https://other.example.com',
      headers: { 'x-request-id': 'mine-2' },
    }).catch((error: unknown) => error)
    expect(refused).toBeInstanceOf(RefusedHandshake)
    expect((refused as RefusedHandshake).headers['x-request-id']).toBe('mine-2')
  })

  it('under a new name where the one that was given is not fit for a log', async () => {
    const answer = await ask('/nothing', { headers: { 'x-request-id': 'x'.repeat(200) } })
    expect(answer.headers.get('x-request-id')).toMatch(ID)
  })

  it('and a page may read it', async () => {
    const answer = await ask('/nothing', { headers: { origin: 'https://app.example.com' } })
    const poll = await ask('/v1/poll', { headers: { origin: 'https://app.example.com' } })
    expect(poll.headers.get('access-control-expose-headers')).toContain('X-Request-Id')
    expect(answer.headers.get('x-request-id')).toMatch(ID)
  })
})
