import { expect, it } from 'vitest'
import { Disowning } from '../../../src/hub/disowning.ts'

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

interface Tried {
  readonly asked: string[]
  readonly told: string[]
  readonly subject: Disowning
  pause(): void
  epoch: string | undefined
}

function disowning(answer: () => Promise<void>): Tried {
  const asked: string[] = []
  const told: string[] = []
  let paused: (() => void)[] = []
  const all: Tried = {
    asked,
    told,
    epoch: 'e2',
    pause() {
      for (const run of paused.splice(0)) run()
      paused = []
    },
    subject: new Disowning('c', {
      reads: {
        disown(_channel, epoch) {
          asked.push(epoch)
          return answer()
        },
      },
      later: (run) => paused.push(run),
      left: () => told.push('left'),
      failed: () => told.push('failed'),
      epoch: () => all.epoch,
    }),
  }
  return all
}

it('asks once, however many messages ask for it, and once more after a pause where some came meanwhile', async () => {
  const one = disowning(() => Promise.resolve())
  for (let i = 0; i < 100; i++) one.subject.start('e1')
  await turn()
  expect([one.asked, one.told]).toEqual([['e1'], ['left']])
  one.pause()
  await turn()
  expect([one.asked, one.told]).toEqual([
    ['e1', 'e2'],
    ['left', 'left'],
  ])
  one.pause()
  one.pause()
  expect(one.asked).toHaveLength(2)
})

it('tries again while the log is away, for as long as somebody is to be told', async () => {
  const one = disowning(() => Promise.reject(new Error('away')))
  one.subject.start('e1')
  await turn()
  one.pause()
  await turn()
  expect([one.asked, one.told]).toEqual([
    ['e1', 'e2'],
    ['failed', 'failed'],
  ])
  one.epoch = undefined
  one.pause()
  await turn()
  one.pause()
  expect(one.asked).toHaveLength(2)
})
