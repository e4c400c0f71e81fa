import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startNode, type StartedNode } from '../support/start-node.ts'

/** The door of clients over HTTP, as somebody sees it who has no SDK. */

const ORIGIN = 'https://app.example'

let node: StartedNode
beforeAll(async () => {
  node = await startNode({
    allowedOrigins: [ORIGIN],
    namespaces: { chat: { clientPublish: 'fanout' } },
    limits: {
      connectTimeout: '300ms',
      framesPerSecond: 20,
      framesBurst: 20,
      subscriptions: 10,
      channelsPerStream: 10,
    },
  })
})
afterAll(() => node.close())

interface Answer {
  readonly status: number
  readonly text: string
  readonly headers: Headers
}

async function ask(
  method: string,
  query: string,
  { link, body, origin }: { link?: string; body?: string; origin?: string } = {},
): Promise<Answer> {
  const headers = { ...(link === undefined ? {} : { 'sluice-link': link }), ...(origin && { origin }) }
  const response = await fetch(`http://127.0.0.1:${node.port}/v1/link${query}`, {
    method,
    headers,
    ...(body === undefined ? {} : { body }),
  })
  return { status: response.status, text: await response.text(), headers: response.headers }
}

/** Of a link that polls. */
async function opened(): Promise<string> {
  const [, line = ''] = (await ask('GET', '?poll')).text.split('\n')
  return JSON.parse(line) as string
}

/** What comes until so many lines say it. */
async function linesUntil(link: string, found: RegExp, { first = 1, count = 1 } = {}): Promise<string[]> {
  const all: string[] = []
  for (let number = first; all.filter((line) => found.test(line)).length < count;) {
    const { text, status } = await ask('GET', `?poll=${number}`, { link })
    expect(status, text).toBe(200)
    const [head, ...lines] = text.split('\n')
    number = Number(head)
    all.push(...lines)
  }
  return all
}

async function connected(user: string): Promise<string> {
  const link = await opened()
  const connect = JSON.stringify({ type: 'connect', token: await node.token(user) })
  expect((await ask('POST', '?number=1', { link, body: connect })).status).toBe(204)
  await linesUntil(link, /"welcome"/)
  return link
}

const publish = (ref: number): string =>
  JSON.stringify({ type: 'publish', ref, channel: 'chat', data: ref, id: `${ref}` })

describe('a link', () => {
  it('takes each request once, whatever is repeated, and in order', async () => {
    const link = await connected('ann')
    for (let n = 0; n < 3; n++)
      expect((await ask('POST', '?number=2', { link, body: publish(2) })).status).toBe(204)
    await ask('POST', '?number=3', { link, body: `${publish(3)}\n${publish(4)}` })
    const lines = await linesUntil(link, /"published"/, { first: 2, count: 3 })
    expect(lines.filter((line) => line.includes('"published"'))).toHaveLength(3)
    expect(lines.join('\n')).not.toContain('"duplicate"')
    // One that was lost on the way cannot be mended: the client comes back, and resumes.
    expect((await ask('POST', '?number=9', { link, body: publish(9) })).status).toBe(404)
    expect((await ask('POST', '?number=4', { link, body: publish(4) })).status).toBe(404)
  })

  it('is held to the limits of a WebSocket, with its close codes', async () => {
    const link = await connected('bob')
    const many = Array.from({ length: 1000 }, (_, ref) => JSON.stringify({ type: 'ping', ref })).join('\n')
    await ask('POST', '?number=2', { link, body: many })
    const lines = await linesUntil(link, /^\[/)
    expect(lines.at(-1)).toMatch(/^\[4429,/)
  })

  it.each([
    ['says nothing', undefined, 4408],
    ['says something else before connect', '{"type":"ping"}', 4401],
    ['shows a token that is none', '{"type":"connect","token":"none"}', 4401],
    ['sends what is no frame', 'AAAA', 4400],
    ['sends more than a frame may have', `{"type":"connect","token":"${'x'.repeat(70_000)}"}`, 1009],
  ])('of somebody who %s ends with the code of a WebSocket', async (_what, body, code) => {
    const link = await opened()
    if (body !== undefined) await ask('POST', '?number=1', { link, body })
    expect((await linesUntil(link, /^\[/)).at(-1)).toMatch(new RegExp(`^\\[${code},`))
  })

  it('that is closed is gone, and leaves nothing', async () => {
    const link = await connected('cleo')
    const before = await node.metric('sluice_connections{transport="poll"}')
    expect((await ask('POST', '?close', { link })).status).toBe(204)
    expect((await ask('GET', '?poll=2', { link })).status).toBe(404)
    expect(await node.metric('sluice_connections{transport="poll"}')).toBe(before - 1)
  })
})

describe('a stranger', () => {
  it.each([
    ['made up', 'node.AAAAAAAAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAA'],
    ['no credential at all', 'x'],
  ])('with a credential that is %s is told so, and makes nobody hold a body', async (_what, link) => {
    const body = 'x'.repeat(1_000_000)
    const { status, text } = await ask('POST', '?number=1', { link, body }).catch(() => ({
      status: 413,
      text: 'no such link',
    }))
    expect([404, 413]).toContain(status)
    expect(text).toMatch(/no such link/)
  })

  it("cannot use another's link by guessing: one changed character of it is another link", async () => {
    const link = await connected('dan')
    const changed = link.replace(/\.(.)/, (_, first: string) => `.${first === 'A' ? 'B' : 'A'}`)
    expect((await ask('GET', '?poll=2', { link: changed })).status).toBe(404)
  })

  it.each([
    ['POST', '?number=1', {}, 400, /sluice-link is missing/],
    ['PUT', '', {}, 400, /takes GET, POST/],
    ['GET', '', { origin: 'https://evil.example' }, 403, /origin/],
    ['POST', '?number=1', { origin: 'https://evil.example', link: 'x' }, 403, /origin/],
  ])('that asks %s %s %j is refused', async (method, query, more, status, message) => {
    const answer = await ask(method, query, more)
    expect(answer.status).toBe(status)
    expect(answer.text).toMatch(message)
  })
})

it('pages of allowed origins may ask across origins', async () => {
  const { status, headers } = await ask('OPTIONS', '', { origin: ORIGIN })
  expect(status).toBe(204)
  expect(headers.get('access-control-allow-origin')).toBe(ORIGIN)
  expect(headers.get('access-control-allow-headers')).toContain('Sluice-Link')
  expect(headers.get('access-control-allow-methods')).toBe('GET, POST')
  const opening = await ask('GET', '?poll', { origin: ORIGIN })
  expect(opening.headers.get('access-control-allow-origin')).toBe(ORIGIN)
})
