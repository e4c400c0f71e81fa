import fc from 'fast-check'
import { expect, it } from 'vitest'
import { LinkOutbox } from '../../src/transport/link-outbox.ts'

type Step = 'add' | 'poll' | 'lost' | 'again'

/** Answers are lost, polls come twice; the client keeps the number of the last answer that it has. */
it('L1 L2 L3 every line comes once and in order, whatever answers are lost', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom<Step>('add', 'add', 'poll', 'lost', 'again'), { maxLength: 80 }),
      fc.integer({ min: 1, max: 40 }),
      (steps, answerBytesMax) => {
        const outbox = new LinkOutbox(answerBytesMax)
        const received: string[] = []
        let added = 0
        let number = 0
        let before = 0
        let last: string | undefined
        const ask = (after: number): string | undefined => {
          expect(outbox.acknowledge(after)).toBe(true)
          return outbox.take()?.toString()
        }
        const read = (answer: string | undefined): void => {
          if (answer === undefined) return
          const [head, ...lines] = answer.split('\n')
          before = number
          number = Number(head)
          last = answer
          received.push(...lines)
        }
        for (const step of steps) {
          if (step === 'add') outbox.add(Buffer.from(`line ${added++}`))
          else if (step === 'poll') read(ask(number))
          else if (step === 'lost') ask(number)
          // A poll that a proxy repeats: the answer is the one that it was, unless a later poll has acknowledged it.
          else if (last !== undefined && before === number - 1 && outbox.acknowledge(before))
            expect(outbox.take()?.toString()).toBe(last)
        }
        for (let answer = ask(number); answer !== undefined; answer = ask(number)) read(answer)
        expect(received).toEqual(Array.from({ length: added }, (_, n) => `line ${n}`))
        expect(outbox.bytes).toBe(0)
        // What nobody can have been given ends the link.
        expect(outbox.acknowledge(number + 1)).toBe(false)
        if (number > 1) expect(outbox.acknowledge(number - 2)).toBe(false)
      },
    ),
  )
})

it('an answer holds one line at least, and no more than its bytes otherwise', () => {
  const outbox = new LinkOutbox(10)
  for (const line of ['a'.repeat(50), 'bbbb', 'cccc', 'dddd']) outbox.add(Buffer.from(line))
  const answers: number[] = []
  for (let number = 0; outbox.acknowledge(number); number++) {
    const answer = outbox.take()
    if (answer === undefined) break
    answers.push(answer.toString().split('\n').length - 1)
  }
  expect(answers).toEqual([1, 2, 1])
})
