import { describe, expect, it } from 'vitest'
import { Echoes } from '../../../src/backbone/echoes.ts'
import type { Message } from '../../../src/protocol/message.ts'

const echo = (number: number, bytes = 0) => {
  const data = Buffer.alloc(bytes)
  const message: Message = { kind: 'ephemeral', channel: 'a', data, binary: true, id: undefined, time: 1 }
  return { number, subject: 'to', messages: [message], sentMs: 7 }
}

describe('what a node will hear of itself', () => {
  it('E1 is handed out once, for its number and its subject', () => {
    const echoes = new Echoes()
    const [first, second] = [echo(1), echo(4)]
    echoes.keep(first)
    echoes.keep(second)
    expect(echoes.take(1, 'elsewhere')).toBeUndefined()
    expect(echoes.take(3, 'to')).toBeUndefined()
    expect(echoes.take(1, 'to')).toBe(first)
    expect(echoes.take(1, 'to')).toBeUndefined()
    expect(echoes.take(4, 'elsewhere')).toBeUndefined()
    expect(echoes.take(4, 'to')).toBe(second)
    expect(echoes.count).toBe(0)
  })

  it('E2 is bounded: the oldest goes first, and one that is larger than all of the room is not kept', () => {
    const echoes = new Echoes(10_000)
    for (let number = 1; number <= 100; number++) echoes.keep(echo(number, 488))
    expect(echoes.count).toBe(10)
    expect(echoes.take(90, 'to')).toBeUndefined()
    expect(echoes.take(91, 'to')).toBeDefined()
    echoes.keep(echo(101, 20_000))
    expect(echoes.count).toBe(0)
    // What has gone is not counted any more.
    echoes.keep(echo(102, 9000))
    expect(echoes.count).toBe(1)
    echoes.clear()
    echoes.keep(echo(103, 9000))
    expect(echoes.count).toBe(1)
  })

  it('E3 is forgotten once something that was sent later has come back', () => {
    const echoes = new Echoes(2000)
    for (const number of [1, 2, 3]) echoes.keep(echo(number))
    expect(echoes.take(2, 'to')).toBeDefined()
    expect(echoes.count).toBe(1)
    expect(echoes.take(1, 'to')).toBeUndefined()
    // Nor is it counted.
    echoes.keep(echo(4, 400))
    expect(echoes.count).toBe(2)
  })

  it('keeps nothing of the many that have come back', () => {
    const echoes = new Echoes()
    for (let number = 1; number <= 10_000; number++) {
      echoes.keep(echo(number))
      if (number > 5) expect(echoes.take(number - 5, 'to')?.number).toBe(number - 5)
    }
    expect(echoes.count).toBe(5)
  })
})
