import { describe, expect, it } from 'vitest'
import { WaitingRoom, type Waiter } from '../../../src/admission/queue.ts'

interface Named extends Waiter {
  readonly name: string
}

function waiter(name: string, sinceMs = 0): Named {
  const resume = name.startsWith('r')
  return { name, resume, sinceMs, waiting: false, ahead: undefined, behind: undefined }
}

/** A room with these in it; names that begin with `r` resume. */
function roomOf(names: readonly string[], capacity = 10): { room: WaitingRoom<Named>; waiters: Named[] } {
  const room = new WaitingRoom<Named>(capacity, 1000, 0)
  const waiters = names.map((name, index) => waiter(name, index))
  for (const one of waiters) expect(room.enter(one)).toBeUndefined()
  return { room, waiters }
}

function namesOut(room: WaitingRoom<Named>, newcomersToo = true): string[] {
  const names = []
  for (let out = room.next(newcomersToo); out !== undefined; out = room.next(newcomersToo))
    names.push(out.name)
  return names
}

describe('the waiting room', () => {
  it('lets out in the order of arrival, those who resume first', () => {
    const { room } = roomOf(['n1', 'r1', 'n2', 'r2', 'n3'])
    expect(room.length).toBe(5)
    expect(room.resumes).toBe(2)
    expect(namesOut(room)).toEqual(['r1', 'r2', 'n1', 'n2', 'n3'])
    expect(room.length).toBe(0)
  })

  it('lets out only those who resume where newcomers are not let in', () => {
    const { room } = roomOf(['n1', 'r1', 'n2'])
    expect(namesOut(room, false)).toEqual(['r1'])
    expect(room.length).toBe(2)
  })

  it('has no place for a newcomer when it is full', () => {
    const { room } = roomOf(['n1', 'r1'], 2)
    const late = waiter('n2')
    expect(room.enter(late)).toBe(late)
    expect(late.waiting).toBe(false)
    expect(room.length).toBe(2)
  })

  it('gives the place of the newest newcomer to one who resumes when it is full', () => {
    const { room, waiters } = roomOf(['n1', 'n2', 'r1'], 3)
    expect(room.enter(waiter('r2'))).toBe(waiters[1])
    expect(waiters[1]?.waiting).toBe(false)
    expect(namesOut(room)).toEqual(['r1', 'r2', 'n1'])
  })

  it('has no place for one who resumes when it is full of those', () => {
    const { room } = roomOf(['r1', 'r2'], 2)
    const late = waiter('r3')
    expect(room.enter(late)).toBe(late)
  })

  it('of capacity 0 has no place for anybody', () => {
    const { room } = roomOf([], 0)
    const newcomer = waiter('n1')
    const resuming = waiter('r1')
    expect(room.enter(newcomer)).toBe(newcomer)
    expect(room.enter(resuming)).toBe(resuming)
  })

  it.each(['n1', 'n2', 'n3'])('goes on in order when %s leaves', (leaver) => {
    const { room, waiters } = roomOf(['n1', 'n2', 'n3'])
    const who = waiters.find(({ name }) => name === leaver) as Named
    expect(room.leave(who)).toBe(true)
    expect(room.leave(who)).toBe(false)
    expect(namesOut(room)).toEqual(['n1', 'n2', 'n3'].filter((name) => name !== leaver))
  })

  it('does not let out twice who has left', () => {
    const { room, waiters } = roomOf(['n1'])
    room.next(true)
    expect(room.leave(waiters[0] as Named)).toBe(false)
    expect(room.length).toBe(0)
  })

  it('gives back whose time is up, of both classes, and nobody else', () => {
    const room = new WaitingRoom<Named>(10, 1000, 0)
    for (const one of [waiter('n1', 0), waiter('r1', 100), waiter('n2', 200)]) room.enter(one)
    expect(room.nextExpiryMs).toBe(1000)
    expect(room.expired(999)).toBeUndefined()
    expect(room.expired(1100)?.name).toBe('r1')
    expect(room.expired(1100)?.name).toBe('n1')
    expect(room.expired(1100)).toBeUndefined()
    expect(room.nextExpiryMs).toBe(1200)
  })

  it('without a time limit nobody’s time is up', () => {
    const room = new WaitingRoom<Named>(10, 0, 0)
    room.enter(waiter('n1', 0))
    expect(room.nextExpiryMs).toBe(Infinity)
    expect(room.expired(1e12)).toBeUndefined()
  })
})
