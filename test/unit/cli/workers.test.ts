import { expect, it } from 'vitest'
import { Workers } from '../../../src/cli/workers.ts'
import { ManualClock } from '../admission/manual-clock.ts'

class FakeWorker {
  readonly signals: string[] = []
  exit: (code: number | undefined) => void = () => undefined

  siblingsStop(): void {
    this.signals.push('siblings stop')
  }

  kill(signal: string): void {
    this.signals.push(signal)
  }

  reload(): void {
    this.signals.push('reload')
  }

  onExit(listener: (code: number | undefined) => void): void {
    this.exit = listener
  }
}

function setUp(count: number) {
  const clock = new ManualClock()
  const spawned: { readonly index: number; readonly worker: FakeWorker }[] = []
  const told: string[] = []
  const workers = new Workers(count, {
    clock,
    spawn(index) {
      const worker = new FakeWorker()
      spawned.push({ index, worker })
      return worker
    },
    after: (ms, run) => void clock.after(ms, run),
    tell: (line) => told.push(line),
  })
  const ended = workers.run()
  const nth = (n: number): FakeWorker => spawned[n]?.worker as FakeWorker
  return { clock, workers, ended, told, nth, indexes: () => spawned.map(({ index }) => index) }
}

it('W1 as many run as were asked for', () => {
  expect(setUp(3).indexes()).toEqual([0, 1, 2])
})

it('W1 one that ends is started again in its place', () => {
  const { clock, nth, told, indexes } = setUp(2)
  nth(1).exit(1)
  expect(indexes()).toEqual([0, 1])
  clock.pass(500)
  expect(indexes()).toEqual([0, 1, 1])
  nth(0).exit(undefined)
  expect(told).toEqual([
    'sluice: worker 1 ended with the exit code 1; it is started again',
    'sluice: worker 0 was killed; it is started again',
  ])
})

it('W1 the pause grows while it keeps ending, up to a bound', () => {
  const { clock, nth, indexes } = setUp(1)
  const pauses = []
  for (let turn = 0; turn < 9; turn++) {
    nth(turn).exit(1)
    let passed = 0
    while (indexes().length === turn + 1) {
      clock.pass(25)
      passed += 25
    }
    pauses.push(passed)
  }
  expect(pauses).toEqual([375, 750, 1500, 3000, 6000, 12_000, 22_500, 22_500, 22_500])
})

it('W1 one that was well for a while is started again soon', () => {
  const { clock, nth, indexes } = setUp(1)
  for (let turn = 0; turn < 5; turn++) {
    nth(turn).exit(1)
    clock.pass(30_000)
  }
  clock.pass(60_000)
  nth(5).exit(1)
  clock.pass(500)
  expect(indexes()).toHaveLength(7)
})

it('W2 a worker that cannot use its configuration ends all', async () => {
  const { clock, ended, nth, indexes } = setUp(3)
  nth(1).exit(2)
  expect([nth(0), nth(2)].map(({ signals }) => signals)).toEqual([
    ['siblings stop', 'SIGTERM'],
    ['siblings stop', 'SIGTERM'],
  ])
  nth(0).exit(0)
  nth(2).exit(0)
  clock.pass(60_000)
  expect(await ended).toBe(2)
  expect(indexes()).toHaveLength(3)
})

it('W3 a signal is passed on each time that it comes, with the word that the others stop too', () => {
  const { workers, nth } = setUp(2)
  workers.signal('SIGTERM')
  workers.signal('SIGINT')
  expect([nth(0).signals, nth(1).signals]).toEqual([
    ['siblings stop', 'SIGTERM', 'siblings stop', 'SIGINT'],
    ['siblings stop', 'SIGTERM', 'siblings stop', 'SIGINT'],
  ])
})

it('W3 none is started after a signal', async () => {
  const { clock, workers, ended, nth, indexes } = setUp(2)
  nth(0).exit(1)
  workers.signal('SIGTERM')
  nth(1).exit(0)
  clock.pass(60_000)
  expect(await ended).toBe(0)
  expect(indexes()).toHaveLength(2)
})

it('W4 all are told to reload, and none of them is told to end', () => {
  const { workers, nth } = setUp(2)
  workers.reload()
  expect([nth(0).signals, nth(1).signals]).toEqual([['reload'], ['reload']])
})

it('W5 the command ends when all have, with 1 where one did not end well', async () => {
  const { workers, ended, nth } = setUp(2)
  let over = false
  void ended.then(() => {
    over = true
  })
  workers.signal('SIGTERM')
  nth(0).exit(130)
  await Promise.resolve()
  expect(over).toBe(false)
  nth(1).exit(0)
  expect(await ended).toBe(1)
})

it('W5 a signal while every worker waits to be started again ends it', async () => {
  const { workers, ended, nth } = setUp(1)
  nth(0).exit(1)
  workers.signal('SIGTERM')
  expect(await ended).toBe(0)
})
