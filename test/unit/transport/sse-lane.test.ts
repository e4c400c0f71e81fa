import { describe, expect, it } from 'vitest'
import { Lane, type GroupMember } from '../../../src/transport/sse-lane.ts'

/** A word and a part of one. */
const SUFFIX = 7
const EVENT = 'a-'.length + SUFFIX

/** One stream of a lane. */
class Member implements GroupMember {
  lane: Lane | undefined
  place = -1
  text = ''
  slow = false
  corks = 0
  fellBehind = 0
  bytes = 0
  /** Done while something is written to it. */
  meanwhile: () => void = () => undefined

  get writer(): NonNullable<GroupMember['writer']> {
    return {
      cork: (run) => {
        this.corks++
        run()
      },
      write: (chunk) => {
        this.text += Buffer.from(chunk).toString()
        this.meanwhile()
        return !this.slow
      },
    }
  }

  carried(bytes: number): void {
    this.bytes += bytes
  }

  behind(): void {
    this.fellBehind++
  }

  settle(): void {}
  abandon(): void {}
}

function suffixOf(number: number): Buffer {
  return Buffer.from(String(number).padStart(SUFFIX, '0'))
}

function laneOf(count: number): { readonly lane: Lane; readonly members: readonly Member[] } {
  const lane = new Lane(SUFFIX)
  const members = Array.from({ length: count }, () => new Member())
  for (const [number, member] of members.entries()) lane.add(member, suffixOf(number))
  return { lane, members }
}

function write(lane: Lane, ...texts: string[]): number {
  return lane.write(texts.map((text) => Buffer.from(text)))
}

describe('the streams of a group', () => {
  it('get all events of a turn in one write, each with the end that is theirs', () => {
    const { lane, members } = laneOf(40)
    expect(write(lane, 'a-', 'bc-')).toBe(40 * (5 + 2 * SUFFIX))
    for (const [number, { text, corks }] of members.entries()) {
      const end = String(suffixOf(number))
      expect(text).toBe(`a-${end}bc-${end}`)
      expect(corks).toBe(1)
    }
  })

  it('get one event, or several, whole wherever its end comes to stand', () => {
    for (let suffix = 1; suffix <= 9; suffix++) {
      for (let event = 1; event <= 5; event++) {
        const lane = new Lane(suffix)
        const members = [new Member(), new Member()]
        const ends = ['abcdefghi'.slice(0, suffix), '987654321'.slice(0, suffix)]
        for (const [index, member] of members.entries()) lane.add(member, Buffer.from(ends[index] as string))
        const text = '.....'.slice(0, event)
        write(lane, text)
        write(lane, text, '-')
        for (const [index, member] of members.entries()) {
          const end = ends[index] as string
          expect(member.text).toBe(`${text}${end}${text}${end}-${end}`)
        }
      }
    }
  })

  it('keep what is theirs while others go and come', () => {
    const { lane, members } = laneOf(100)
    const gone = members.filter((_, number) => number % 10 !== 3)
    for (const member of gone) lane.remove(member)
    expect(lane.size).toBe(10)
    const late = new Member()
    lane.add(late, suffixOf(777))
    lane.change(members[13] as Member, suffixOf(888))
    write(lane, 'x-')
    expect(late.text).toBe('x-0000777')
    expect(members[13]?.text).toBe('x-0000888')
    for (const [number, { text }] of members.entries())
      if (number !== 13) expect(text).toBe(number % 10 === 3 ? `x-${String(suffixOf(number))}` : '')
  })

  it('get everything once, whoever of them goes or comes while it is written', () => {
    const { lane, members } = laneOf(10)
    const [first, fifth, last] = [members[0], members[5], members[9]] as [Member, Member, Member]
    const late = new Member()
    // One that was written to, itself, and one that was not.
    fifth.meanwhile = () => {
      for (const member of [first, fifth, last]) lane.remove(member)
      lane.add(late, suffixOf(777))
      fifth.meanwhile = () => undefined
    }
    expect(write(lane, 'a-')).toBe(9 * EVENT)
    write(lane, 'b-')
    expect(lane.size).toBe(8)
    expect([first.text, fifth.text, last.text, late.text]).toEqual([
      'a-0000000',
      'a-0000005',
      '',
      'b-0000777',
    ])
    for (const number of [1, 2, 3, 4, 6, 7, 8]) {
      const end = String(suffixOf(number))
      expect(members[number]?.text).toBe(`a-${end}b-${end}`)
    }
  })

  it('go on, where writing to one of them throws', () => {
    const { lane, members } = laneOf(3)
    const broken = members[1] as Member
    broken.meanwhile = () => {
      lane.remove(broken)
      throw new Error('gone')
    }
    expect(() => write(lane, 'a-')).toThrow('gone')
    expect(write(lane, 'b-')).toBe(2 * EVENT)
    expect(members.map(({ text }) => text)).toEqual(['a-0000000b-0000000', 'a-0000001', 'b-0000002'])
  })

  it('say which of them is behind', () => {
    const { lane, members } = laneOf(3)
    ;(members[1] as Member).slow = true
    write(lane, 'a-')
    expect(members.map(({ fellBehind }) => fellBehind)).toEqual([0, 1, 0])
  })

  it('are told what each of them was sent, from when it came until it went', () => {
    const { lane, members } = laneOf(2)
    write(lane, 'a-')
    const late = new Member()
    lane.add(late, suffixOf(7))
    write(lane, 'b-', 'c-')
    for (const member of [...members, late]) lane.remove(member)
    expect([...members, late].map(({ bytes, text }) => [bytes, text.length])).toEqual([
      [3 * EVENT, 3 * EVENT],
      [3 * EVENT, 3 * EVENT],
      [2 * EVENT, 2 * EVENT],
    ])
    expect(lane.size).toBe(0)
  })
})
