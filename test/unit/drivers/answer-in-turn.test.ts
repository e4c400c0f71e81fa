import { setImmediate as immediate } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { turn } from '../../../src/clock.ts'
import { HttpExchange } from '../../../src/drivers/http-exchange.ts'
import type { Native } from '../../../src/drivers/uws-binary.ts'

/** A publish whose body is here with `body`, answered in that call; with what is done to the library's response. */
function publish(last = false): {
  readonly done: string[]
  readonly body: () => void
  readonly leave: () => void
} {
  const done: string[] = []
  let leave = (): void => undefined
  let body: (chunk: ArrayBuffer, last: boolean) => void = () => undefined
  const response = {
    onAborted: (run: () => void) => (leave = run),
    onData: (run: typeof body) => (body = run),
    cork(run: () => void) {
      done.push('cork')
      run()
    },
    writeHeader: () => undefined,
    end: (text: string) => done.push(text),
  } as unknown as Native.HttpResponse
  const request = {
    forEach: () => undefined,
    getMethod: () => 'post',
    getUrl: () => '/v1/publish',
    getQuery: () => undefined,
  } as unknown as Native.HttpRequest
  const failed = (error: unknown): never => {
    throw error as Error
  }
  const handle = (exchange: HttpExchange): void =>
    exchange.readBody(() => exchange.respond(200, {}, 'answer', last))
  const route = { bodyBytesMax: 10, handle, failed }
  void new HttpExchange(response, request, route, (_wall, error) => failed(error)).handle()
  return { done, body: () => body(new ArrayBuffer(1), true), leave: () => leave() }
}

it('an answer leaves in the call where nobody waits for the end of the turn', async () => {
  await immediate()
  const one = publish()
  one.body()
  expect(one.done).toEqual(['answer'])
})

it('answers leave at the end of the turn where something else does, in the order of their requests', async () => {
  await immediate()
  const order: string[] = []
  turn.atEnd(() => order.push('messages'))
  const [one, two] = [publish(), publish()]
  for (const [name, { done, body }] of Object.entries({ one, two })) {
    body()
    expect(done).toEqual([])
    turn.atEnd(() => order.push(`${name}: ${done.join(' ')}`))
  }
  await immediate()
  expect(order).toEqual(['messages', 'one: cork answer', 'two: cork answer'])
  const three = publish()
  three.body()
  expect(three.done).toEqual(['answer'])
})

it('an answer that ends its connection waits for nothing', async () => {
  await immediate()
  turn.atEnd(() => undefined)
  const one = publish(true)
  one.body()
  expect(one.done).toEqual(['answer'])
})

it('nothing is written for a peer that goes before the end of the turn', async () => {
  await immediate()
  turn.atEnd(() => undefined)
  const [gone, there] = [publish(), publish()]
  gone.body()
  there.body()
  gone.leave()
  await immediate()
  expect(gone.done).toEqual([])
  expect(there.done).toEqual(['cork', 'answer'])
})
