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

  it.each(['n1', 'r1'])('knows when the time of %s is up, who is the only one', (name) => {
    const room = new WaitingRoom<Named>(10, 1000, 0)
    expect(room.nextExpiryMs).toBe(Infinity)
    room.enter(waiter(name, 70))
    expect(room.nextExpiryMs).toBe(1070)
  })

  it('without a time limit nobody’s time is up', () => {
    const room = new WaitingRoom<Named>(10, 0, 0)
    room.enter(waiter('n1', 0))
    expect(room.nextExpiryMs).toBe(Infinity)
    expect(room.expired(1e12)).toBeUndefined()
  })
})

describe('the turns of newcomers', () => {
  /** As many of each class wait as are taken out. */
  function order(share: number, turns: number): string {
    const room = new WaitingRoom<Named>(100, 1000, share)
    for (let i = 0; i < turns; i++) for (const name of ['r', 'n']) room.enter(waiter(name))
    return Array.from({ length: turns }, () => room.next(true)?.name).join('')
  }

  it.each([
    [0, 'rrrrrr'],
    [0.25, 'rrrnrrrn'],
    [0.5, 'rnrnrn'],
    [1, 'nnnnnn'],
    // Ten tenths are a little less than one.
    [0.1, 'rrrrrrrrrnrrrrrrrrrn'],
  ])('are a share of %d of all', (share, expected) => {
    expect(order(share, expected.length)).toBe(expected)
  })

  it('are none while newcomers are not let in, and do not add up then', () => {
    const room = new WaitingRoom<Named>(10, 1000, 0.5)
    for (const name of ['r1', 'r2', 'r3', 'r4', 'n1']) room.enter(waiter(name))
    expect([room.next(false)?.name, room.next(false)?.name]).toEqual(['r1', 'r2'])
    expect(namesOut(room)).toEqual(['r3', 'n1', 'r4'])
    const all = new WaitingRoom<Named>(10, 1000, 1)
    for (const name of ['n1', 'r1']) all.enter(waiter(name))
    expect(all.next(false)?.name).toBe('r1')
  })

  it('do not add up while no newcomer waits', () => {
    const room = new WaitingRoom<Named>(10, 1000, 0.5)
    for (const name of ['r1', 'r2', 'r3']) room.enter(waiter(name))
    room.next(true)
    room.next(true)
    room.enter(waiter('r4'))
    room.enter(waiter('n1'))
    expect(namesOut(room)).toEqual(['r3', 'n1', 'r4'])
  })
})

describe('one who comes while others wait', () => {
  it('goes in at once as a newcomer only where nobody waits at all', () => {
    expect(roomOf([]).room.mayPass(false, true)).toBe(true)
    for (const name of ['r1', 'n1']) expect(roomOf([name]).room.mayPass(false, true)).toBe(false)
  })

  it('goes in at once where he resumes and nobody does who came before', () => {
    for (const newcomersToo of [true, false]) {
      expect(roomOf([]).room.mayPass(true, newcomersToo)).toBe(true)
      expect(roomOf(['n1']).room.mayPass(true, newcomersToo)).toBe(true)
      expect(roomOf(['r1']).room.mayPass(true, newcomersToo)).toBe(false)
    }
  })

  it('waits as one who resumes where it is a newcomer’s turn, if they are let in and one is there', () => {
    const room = new WaitingRoom<Named>(10, 1000, 0.25)
    const newcomer = waiter('n1')
    room.enter(newcomer)
    for (let i = 0; i < 3; i++) {
      expect(room.mayPass(true, true)).toBe(true)
      room.passed(true)
    }
    expect(room.mayPass(true, true)).toBe(false)
    expect(room.mayPass(true, false)).toBe(true)
    room.leave(newcomer)
    expect(room.mayPass(true, true)).toBe(true)
  })

  it('takes nothing from newcomers who are not there, or are not let in', () => {
    const room = new WaitingRoom<Named>(10, 1000, 0.5)
    for (let i = 0; i < 3; i++) room.passed(true)
    room.enter(waiter('n1'))
    for (let i = 0; i < 3; i++) room.passed(false)
    expect(room.mayPass(true, true)).toBe(true)
    room.passed(true)
    expect(room.mayPass(true, true)).toBe(false)
  })
})

describe('the places of newcomers', () => {
  /** How many of a class get a place in a room that is full of the other. */
  function placesFor(name: 'r' | 'n', capacity: number, share: number): number {
    const room = new WaitingRoom<Named>(capacity, 1000, share)
    for (let i = 0; i < capacity; i++) room.enter(waiter(name === 'r' ? 'n' : 'r'))
    for (let places = 0; places <= capacity; places++) {
      const late = waiter(name)
      if (room.enter(late) === late) return places
      expect(room.length).toBe(capacity)
    }
    return Infinity
  }

  it.each([
    [10, 0.25, 3],
    [10, 0, 0],
    [10, 1, 10],
    [10, 0.01, 1],
    [10, 0.99, 9],
    [2, 0, 0],
    [2, 0.1, 1],
    [2, 0.9, 1],
    [2, 1, 2],
    [1, 0.2, 0],
    [1, 0.6, 1],
    [0, 0.5, 0],
  ])('of %d are with a share of %d these: %d', (capacity, share, places) => {
    expect(placesFor('n', capacity, share)).toBe(places)
    expect(placesFor('r', capacity, share)).toBe(capacity - places)
  })
})
