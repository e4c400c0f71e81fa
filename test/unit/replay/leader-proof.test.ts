import { expect, it } from 'vitest'
import { LeaderProof } from '../../../src/replay/leader-proof.ts'
import { ManualClock } from '../../support/manual-clock.ts'

it('a proof serves all who ask for it together, and for a moment', async () => {
  const clock = new ManualClock(0)
  let stored = 0
  const proof = new LeaderProof(clock, async () => {
    stored++
    await Promise.resolve()
    clock.pass(100)
  })
  await Promise.all([proof.prove(), proof.prove()])
  expect(stored).toBe(1)
  clock.pass(399)
  await proof.prove()
  expect(stored).toBe(1)
  clock.pass(1)
  await proof.prove()
  expect(stored).toBe(2)
})

it('a leader that stores nothing has proven nothing, and is asked again', async () => {
  const answers = [() => Promise.reject(new Error('no quorum')), () => Promise.resolve()]
  const proof = new LeaderProof(new ManualClock(0), () => (answers.shift() as () => Promise<void>)())
  await expect(proof.prove()).rejects.toThrow('no quorum')
  await expect(proof.prove()).resolves.toBeUndefined()
  await expect(proof.prove()).resolves.toBeUndefined()
})
