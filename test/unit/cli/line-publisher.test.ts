import { describe, expect, it } from 'vitest'
import { ApiFailure } from '../../../src/cli/gateway-api.ts'
import { LinePublisher } from '../../../src/cli/line-publisher.ts'
import type { Line } from '../../../src/cli/lines.ts'

interface Sent {
  readonly channel?: string
  readonly user?: string
  readonly id: string
  readonly data: unknown
}

const unreachable = new ApiFailure('no node answers', {
  code: 'unreachable',
  retryable: true,
  retryAfterMs: undefined,
})

function failure(code: string): ApiFailure {
  return new ApiFailure(`${code}: no`, { code, retryable: false, retryAfterMs: undefined })
}

/** Lines that arrive when a test pushes them. */
class Source implements AsyncIterable<readonly Line[]> {
  readonly #groups: (readonly Line[])[] = []
  #number = 0
  #ended = false
  #wake: (() => void) | undefined
  taken = 0

  push(...texts: readonly (string | undefined)[]): this {
    this.#groups.push(texts.map((text) => ({ number: ++this.#number, text })))
    this.#wake?.()
    return this
  }

  end(): this {
    this.#ended = true
    this.#wake?.()
    return this
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<readonly Line[]> {
    for (;;) {
      const group = this.#groups.shift()
      if (group !== undefined) {
        this.taken++
        yield group
      } else if (this.#ended) return
      else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
      }
    }
  }
}

interface Setup {
  /** The answer to each request in turn; without one, every line is taken. */
  readonly answers?: readonly ((sent: readonly Sent[]) => unknown)[]
  readonly asText?: boolean
}

function setUp({ answers = [], asText = false }: Setup = {}) {
  const requests: Sent[][] = []
  const bodies: string[] = []
  const told: string[] = []
  const waits: number[] = []
  const stop = new AbortController()
  let underWay = 0
  const gate: { held: Promise<void> | undefined } = { held: undefined }
  const publisher = new LinePublisher(
    { target: { channel: 'logs' }, asText, idPrefix: 'run' },
    {
      api: {
        async post(path, body) {
          expect(path).toBe('/v1/publish')
          expect(++underWay, 'P1 one request at a time').toBe(1)
          const sent = JSON.parse(body) as Sent[]
          const turn = requests.push(sent) - 1
          bodies.push(body)
          await gate.held
          underWay--
          const answer = answers[turn]?.(sent) ?? sent.map(() => ({ epoch: 'e', offset: 1 }))
          if (answer instanceof Error) throw answer
          return answer
        },
      },
      wait(ms) {
        waits.push(ms)
        return Promise.resolve()
      },
      random: () => 1,
      tell: (line) => told.push(line),
    },
    stop.signal,
  )
  return { publisher, requests, bodies, told, waits, stop, gate }
}

const dataOf = (requests: readonly (readonly Sent[])[]) =>
  requests.map((sent) => sent.map(({ data }) => data))
const numbered = (count: number): string[] => Array.from({ length: count }, (_, index) => `line ${index}`)

describe('what is sent', () => {
  it('a line that is JSON is sent as it was written, any other as a text', async () => {
    const { publisher, bodies } = setUp()
    await publisher.run(
      new Source().push('{"a": 1.0, "b":12345678901234567890}', 'GET /', '', ' 7', '"x"').end(),
    )
    expect(bodies).toEqual([
      '[{"channel":"logs","id":"run-1","data":{"a": 1.0, "b":12345678901234567890}},' +
        '{"channel":"logs","id":"run-2","data":"GET /"},' +
        '{"channel":"logs","id":"run-3","data":""},' +
        '{"channel":"logs","id":"run-4","data": 7},' +
        '{"channel":"logs","id":"run-5","data":"x"}]',
    ])
  })

  it('with --text every line is a text', async () => {
    const { publisher, requests } = setUp({ asText: true })
    await publisher.run(new Source().push('{"a":1}', '7').end())
    expect(dataOf(requests)).toEqual([['{"a":1}', '7']])
  })
})

describe('P1 one request is under way at a time', () => {
  it('P1 lines arrive in their order, over many requests', async () => {
    const { publisher, requests } = setUp()
    const lines = numbered(2345)
    const source = new Source()
    for (let at = 0; at < lines.length; at += 100) source.push(...lines.slice(at, at + 100))
    await publisher.run(source.end())
    expect(dataOf(requests).flat()).toEqual(lines)
    expect(publisher.totals).toMatchObject({
      published: 2345,
      refused: 0,
      unsent: 0,
      requests: requests.length,
    })
  })
})

describe('P2 what is there is sent at once', () => {
  it('P2 a single line does not wait for others', async () => {
    const { publisher, requests } = setUp()
    const source = new Source().push('one')
    const run = publisher.run(source)
    await expect.poll(() => requests.length).toBe(1)
    source.push('two').end()
    await run
    expect(dataOf(requests)).toEqual([['one'], ['two']])
  })

  it('P2 what comes during a request leaves together with the next one', async () => {
    const { publisher, requests, gate } = setUp()
    let open = (): void => undefined
    gate.held = new Promise((resolve) => {
      open = resolve
    })
    const source = new Source().push('one')
    const run = publisher.run(source)
    await expect.poll(() => requests.length).toBe(1)
    source.push('two').push('three').end()
    await expect.poll(() => source.taken).toBe(3)
    open()
    await run
    expect(dataOf(requests)).toEqual([['one'], ['two', 'three']])
  })

  it('P2 a batch is bounded in lines and in length', async () => {
    const { publisher, requests } = setUp()
    await publisher.run(
      new Source()
        .push(...numbered(501))
        .push('x'.repeat(900_000), 'y'.repeat(900_000))
        .end(),
    )
    expect(requests.map((sent) => sent.length)).toEqual([500, 2, 1])
  })

  it('P2 a line longer than a batch goes alone', async () => {
    const { publisher, requests } = setUp()
    await publisher.run(new Source().push('a', 'x'.repeat(2_000_000), 'b').end())
    expect(requests.map((sent) => sent.length)).toEqual([1, 1, 1])
  })
})

describe('P3 and P4: again, with the same ids', () => {
  it('P3 a line keeps its id over all repetitions', async () => {
    const { publisher, requests } = setUp({ answers: [() => unreachable, () => unreachable] })
    await publisher.run(new Source().push('a', 'b').end())
    const ids = requests.map((sent) => sent.map(({ id }) => id))
    expect(ids).toEqual([
      ['run-1', 'run-2'],
      ['run-1', 'run-2'],
      ['run-1', 'run-2'],
    ])
    expect(publisher.totals).toMatchObject({ published: 2, requests: 3 })
  })

  it('P3 what the node knew already is published, and counted', async () => {
    const { publisher } = setUp({ answers: [(sent) => sent.map(() => ({ offset: 1, duplicate: true }))] })
    await publisher.run(new Source().push('a', 'b').end())
    expect(publisher.totals).toMatchObject({ published: 2, duplicates: 2 })
  })

  it('P4 the pauses grow up to a bound, and the node is believed about the least', async () => {
    const later = new ApiFailure('rate_limited: no', {
      code: 'rate_limited',
      retryable: true,
      retryAfterMs: 2000,
    })
    const { publisher, waits } = setUp({
      answers: [...Array.from({ length: 7 }, () => () => unreachable), () => later],
    })
    await publisher.run(new Source().push('a').end())
    expect(waits).toEqual([250, 500, 1000, 2000, 4000, 5000, 5000, 7000])
  })

  it('P4 waiting is told once, and its end', async () => {
    const { publisher, told } = setUp({ answers: [() => unreachable, () => unreachable] })
    await publisher.run(new Source().push('a').end())
    expect(told).toEqual(['no node answers; trying again', 'the node takes lines again'])
  })

  it('P4 of a batch only those lines are sent again that may pass', async () => {
    const { publisher, requests } = setUp({
      answers: [
        () => [
          { offset: 1 },
          { error: { code: 'unavailable', message: 'no log' } },
          { error: { code: 'bad_request', message: 'no' } },
        ],
      ],
    })
    await publisher.run(new Source().push('a', 'b', 'c').end())
    expect(dataOf(requests)).toEqual([['a', 'b', 'c'], ['b']])
    expect(publisher.totals).toMatchObject({ published: 2, refused: 1 })
  })

  it('P4 stop ends the waiting and counts what was not sent', async () => {
    const { publisher, stop, told } = setUp({
      answers: [
        () => {
          stop.abort()
          return unreachable
        },
      ],
    })
    await publisher.run(new Source().push(...numbered(700)))
    expect(publisher.totals).toMatchObject({ published: 0, unsent: 700, requests: 1 })
    expect(told).toEqual(['no node answers; trying again'])
  })

  it('P4 stop lets out what was read while a node answers', async () => {
    const { publisher, stop, requests } = setUp({
      answers: [
        (sent) => {
          stop.abort()
          return sent.map(() => ({}))
        },
      ],
    })
    await publisher.run(new Source().push(...numbered(700)))
    expect(requests.map((sent) => sent.length)).toEqual([500, 200])
    expect(publisher.totals).toMatchObject({ published: 700, unsent: 0 })
  })
})

describe('P5 a line that is refused', () => {
  it('P5 is counted and told, and the others go on', async () => {
    const { publisher, told } = setUp({
      answers: [
        () => [{ offset: 1 }, { error: { code: 'limit_exceeded', message: 'too large' } }, { offset: 2 }],
      ],
    })
    await publisher.run(new Source().push('a', 'b', 'c').push('d').end())
    expect(told).toEqual(['line 2 is refused: limit_exceeded: too large'])
    expect(publisher.totals).toMatchObject({ published: 3, refused: 1 })
  })

  it('P5 a request that is refused as a whole is divided until the line is found', async () => {
    const refuseBad = (sent: readonly Sent[]): unknown =>
      sent.some(({ data }) => data === 'bad') ? failure('bad_request') : sent.map(() => ({}))
    const { publisher, requests, told } = setUp({ answers: Array.from({ length: 20 }, () => refuseBad) })
    await publisher.run(new Source().push('a', 'b', 'bad', 'c', 'd').end())
    expect(told).toEqual(['line 3 is refused: bad_request: no'])
    expect(publisher.totals).toMatchObject({ published: 4, refused: 1 })
    const taken = requests.filter((sent) => sent.every(({ data }) => data !== 'bad'))
    expect(dataOf(taken).flat()).toEqual(['a', 'b', 'c', 'd'])
  })

  it('P5 a line that begins as an object of JSON and is none is refused, and is no text without a word', async () => {
    const { publisher, requests, told } = setUp()
    await publisher.run(new Source().push('{"a":1}', '{"b":', '}', '[INFO] started', '"a","b"').end())
    const unlessText = '; to publish lines as texts, add --text'
    expect(told).toEqual([
      `line 2 is refused: it is not JSON (line 2, column 6: it ends too early)${unlessText}`,
      `line 3 is refused: it is not JSON (line 3, column 1: "}" is not expected here)${unlessText}`,
    ])
    expect(dataOf(requests).flat()).toEqual([{ a: 1 }, '[INFO] started', '"a","b"'])
    expect(publisher.totals).toMatchObject({ published: 3, refused: 2 })
  })

  it('P5 a line that is too long to be read is refused', async () => {
    const { publisher, told } = setUp()
    await publisher.run(new Source().push('a', undefined, 'b').end())
    expect(told).toEqual(['line 2 is refused: it is too long'])
    expect(publisher.totals).toMatchObject({ published: 2, refused: 1 })
  })

  it.each(['unauthorized', 'forbidden', 'not_found'])(
    'P5 %s ends it, since every line would fail',
    async (code) => {
      const { publisher, requests } = setUp({ answers: [() => failure(code)] })
      await expect(publisher.run(new Source().push('a', 'b'))).rejects.toThrow(code)
      expect(requests).toHaveLength(1)
    },
  )

  it('P5 a node that does not answer for each line is not asked twice', async () => {
    const { publisher, requests } = setUp({ answers: [() => ({ offset: 1 })] })
    await expect(publisher.run(new Source().push('a', 'b').end())).rejects.toThrow('another version')
    expect(requests).toHaveLength(1)
  })
})

describe('P6 no more is read than can be sent soon', () => {
  it('P6 while a request is under way, at most two batches are read', async () => {
    const { publisher, requests, gate } = setUp()
    let open = (): void => undefined
    gate.held = new Promise((resolve) => {
      open = resolve
    })
    const source = new Source()
    for (let index = 0; index < 40; index++) source.push(...numbered(100))
    const run = publisher.run(source.end())
    await expect.poll(() => requests.length).toBe(1)
    // The first group left alone; ten more fill the queue.
    await expect.poll(() => source.taken).toBe(11)
    gate.held = undefined
    open()
    await run
    expect(source.taken).toBe(40)
    expect(publisher.totals.published).toBe(4000)
  })

  it('P6 long lines count by their length', async () => {
    const { publisher, requests, gate } = setUp()
    let open = (): void => undefined
    gate.held = new Promise((resolve) => {
      open = resolve
    })
    const source = new Source()
    for (let index = 0; index < 10; index++) source.push('x'.repeat(800_000))
    const run = publisher.run(source.end())
    await expect.poll(() => requests.length).toBe(1)
    await expect.poll(() => source.taken).toBe(4)
    gate.held = undefined
    open()
    await run
    expect(publisher.totals.published).toBe(10)
  })
})

it('a source that fails ends it with its error, after what was read', async () => {
  const { publisher } = setUp()
  async function* failing(): AsyncGenerator<readonly Line[]> {
    yield [{ number: 1, text: 'a' }]
    throw new Error('the disk is gone')
  }
  await expect(publisher.run(failing())).rejects.toThrow('the disk is gone')
  expect(publisher.totals.published).toBe(1)
})
