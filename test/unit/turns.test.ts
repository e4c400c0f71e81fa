import { describe, expect, it } from 'vitest'
import { Turns } from '../../src/turns.ts'
import { settled } from '../support/session-world.ts'

interface Held {
  readonly run: () => Promise<string>
  readonly end: (how: 'well' | 'badly') => void
}

const begun: string[] = []

/** A request that takes its time. */
function request(name: string): Held {
  let end: Held['end'] = () => undefined
  const over = new Promise<string>((resolve, reject) => {
    end = (how) => (how === 'well' ? resolve(name) : reject(new Error(name)))
  })
  const run = (): Promise<string> => {
    begun.push(name)
    return over
  }
  return { run, end }
}

const idle = (): void => void begun.push('idle')

describe('requests of a client', () => {
  it('about one thing are carried out one after the other, whatever becomes of those before', async () => {
    begun.length = 0
    const turns = new Turns(idle)
    const [a, b, c] = ['a', 'b', 'c'].map(request) as [Held, Held, Held]
    const answers = [a, b, c].map(({ run }) => turns.take('news', run))
    // At once, where nothing is before it.
    expect(begun).toEqual(['a'])
    await settled()
    expect(begun).toEqual(['a'])
    a.end('badly')
    await expect(answers[0]).rejects.toThrow('a')
    await settled()
    expect(begun).toEqual(['a', 'b'])
    b.end('well')
    expect(await answers[1]).toBe('b')
    await settled()
    expect(begun).toEqual(['a', 'b', 'c'])
    // One that comes later waits for it, too.
    const late = request('d')
    void turns.take('news', late.run)
    await settled()
    expect(begun).toEqual(['a', 'b', 'c'])
    c.end('well')
    expect(await answers[2]).toBe('c')
    await settled()
    expect(begun).toEqual(['a', 'b', 'c', 'd'])
    late.end('well')
    await settled()
    expect(begun).toEqual(['a', 'b', 'c', 'd', 'idle'])
  })

  it('about different things do not wait for one another', () => {
    begun.length = 0
    const turns = new Turns(idle)
    void turns.take('news', request('a').run)
    void turns.take('chat', request('b').run)
    expect(begun).toEqual(['a', 'b'])
  })

  it('are carried out at once again when all before are over', async () => {
    begun.length = 0
    const turns = new Turns(idle)
    const first = request('a')
    const answer = turns.take('news', first.run)
    first.end('well')
    await answer
    await settled()
    void turns.take('news', request('b').run)
    expect(begun).toEqual(['a', 'idle', 'b'])
  })

  it('say when nothing is left of them, and not before', async () => {
    const all = ['a', 'b', 'c'].map(request) as [Held, Held, Held]
    let told = 0
    const turns = new Turns(() => told++)
    const answers = [
      turns.take('news', all[0].run),
      turns.take('news', all[1].run),
      turns.take('chat', all[2].run),
    ]
    for (const one of all) {
      expect(told).toBe(0)
      one.end('well')
      await settled()
    }
    await Promise.all(answers)
    await settled()
    expect(told).toBe(1)
  })
})
