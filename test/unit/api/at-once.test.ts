import { describe, expect, it } from 'vitest'
import { Api } from '../../../src/api/api.ts'
import { publishRoute } from '../../../src/api/publish.ts'
import { ApiKeys, parseApiKeys } from '../../../src/auth/api-keys.ts'
import { turn } from '../../../src/clock.ts'
import type { HttpExchange, Listener } from '../../../src/drivers/uws.ts'
import { SluiceError } from '../../../src/errors.ts'
import { createLog } from '../../../src/observe/log.ts'
import { silentMetrics } from '../../../src/observe/metrics.ts'
import { Mistakes } from '../../../src/observe/mistakes.ts'
import type { Published, Publisher, PublishRequest } from '../../../src/publish/publisher.ts'
import { ManualClock } from '../../support/manual-clock.ts'

const KEY = 'the-key-of-the-backend'

interface Answered {
  readonly status: number
  readonly json: unknown
}

/** A request whose body comes when the test says so. */
class Request {
  answered: Answered | undefined
  leave: () => void = () => undefined
  #take: (body: Buffer | SluiceError) => void = () => undefined

  asExchange(): HttpExchange {
    return {
      head: { method: 'POST', path: '/v1/publish', query: '', headers: { 'x-api-key': KEY } },
      onAborted: (run: () => void) => (this.leave = run),
      readBody: (take: (body: Buffer | SluiceError) => void) => (this.#take = take),
      respond: (status: number, _headers: unknown, body: string) => {
        this.answered = { status, json: JSON.parse(body) }
      },
    } as unknown as HttpExchange
  }

  body(body: unknown): void {
    this.text(body instanceof SluiceError ? body : JSON.stringify(body))
  }

  text(body: string | SluiceError): void {
    this.#take(body instanceof SluiceError ? body : Buffer.from(body))
  }
}

function started(answer: (request: PublishRequest) => Published | Promise<Published>): {
  readonly ask: () => Request
  readonly api: Api
} {
  const clock = new ManualClock()
  const log = createLog({ level: 'silent', pretty: false, bindings: {} })
  const publisher = { publish: answer } as unknown as Publisher
  const api = new Api([publishRoute(publisher, 10)], {
    nodeId: 'n',
    keys: new ApiKeys(parseApiKeys([`backend:publish:${KEY}`], { allowWeak: false })),
    clock,
    log,
    mistakes: new Mistakes(log, clock),
    caught: () => undefined,
    metrics: silentMetrics,
    localHosts: undefined,
    requests: undefined,
    addressOf: () => '10.0.0.1',
    leaving: () => false,
  })
  let handle: (exchange: HttpExchange) => void | Promise<void> = () => undefined
  api.attach({ http: (route: { handle: typeof handle }) => (handle = route.handle) } as unknown as Listener, {
    bodyBytesMax: 1000,
    jsonDepthMax: 64,
  })
  const ask = (): Request => {
    const request = new Request()
    void handle(request.asExchange())
    return request
  }
  return { ask, api }
}

const AT = { epoch: 'e', offset: 1 }
const MESSAGE = { channel: 'a', data: 1 }

describe('a publish whose log is in memory', () => {
  it.each([
    ['a message', MESSAGE, AT],
    ['a message for several', { channels: ['a', 'b'], data: 1 }, { results: [AT, AT] }],
    ['several messages', [MESSAGE, MESSAGE], [AT, AT]],
  ])('is answered in the call that brings the end of its body: %s', (_, body, json) => {
    const request = started(() => AT).ask()
    request.body(body)
    expect(request.answered).toEqual({ status: 200, json })
  })

  it('is refused in that call, too', () => {
    const { ask } = started(() => {
      throw new SluiceError('unavailable', 'the log is away')
    })
    const [one, some] = [ask(), ask()]
    one.body(MESSAGE)
    some.body([MESSAGE])
    expect(one.answered).toMatchObject({ status: 503, json: { error: { code: 'unavailable' } } })
    expect(some.answered).toMatchObject({ status: 200, json: [{ error: { code: 'unavailable' } }] })
  })

  it('is refused where its body is too long', () => {
    const request = started(() => AT).ask()
    request.body(new SluiceError('limit_exceeded', 'too long'))
    expect(request.answered?.status).toBe(413)
  })
})

describe('the payload of a publish', () => {
  it.each([
    ['ASCII alone', '{"channel":"a","data":{"n":1.0,"text":"plain"}}', '{"n":1.0,"text":"plain"}'],
    ['letters of two bytes', '{"channel":"a","data":"é ü"}', '"é ü"'],
    ['letters of four bytes', '{"data":["😀"],"channel":"a"}', '["😀"]'],
    ['such letters beside it alone', '{"channel":"a","data":"plain","event":"é"}', '"plain"'],
    ['white space around it', '{ "channel": "a",\r\n "data" :\t\n [1] \n}', '[1]'],
    ['line breaks in it', '{"channel":"a","data":{\r\n"a":\n[1,\r2]}}', '{ "a": [1, 2]}'],
    ['a long one', `{"channel":"a","data":"${'é'.repeat(300)}"}`, `"${'é'.repeat(300)}"`],
  ])('is what was sent, on one line and byte by byte: %s', (_, body, expected) => {
    const published: PublishRequest[] = []
    const { ask } = started((request) => {
      published.push(request)
      return AT
    })
    const [one, several] = [ask(), ask()]
    one.text(body)
    several.text(`[${body},${body}]`)
    expect(one.answered?.status).toBe(200)
    expect(several.answered?.status).toBe(200)
    expect(published.map(({ payload }) => Buffer.from(payload.data).toString())).toEqual([
      expected,
      expected,
      expected,
    ])
    expect(published.every(({ normal }) => normal === true)).toBe(true)
  })
})

describe('all that has come so far', () => {
  it('is over once the last of it is answered or has left, whatever comes after', async () => {
    const answers: ((published: Published) => void)[] = []
    const { ask, api } = started(() => new Promise((resolve) => answers.push(resolve)))
    const [first, second] = [ask(), ask()]
    first.body(MESSAGE)
    let settled = false
    const waiting = api.settled().then(() => (settled = true))
    const later = ask()
    second.leave()
    // A second end of the same request counts for no other.
    second.leave()
    await new Promise((resolve) => setImmediate(resolve))
    expect(settled).toBe(false)
    answers[0]?.(AT)
    await waiting
    expect([first.answered?.status, later.answered]).toEqual([200, undefined])
    const waitingLonger = api.settled()
    later.leave()
    await waitingLonger
  })

  it('is over once what leaves at the end of the turn has left', async () => {
    const { ask, api } = started(() => AT)
    let left = false
    ask().body(MESSAGE)
    turn.atEnd(() => (left = true))
    await api.settled()
    expect(left).toBe(true)
  })
})
