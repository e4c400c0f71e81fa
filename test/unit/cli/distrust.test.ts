import { expect, it } from 'vitest'
import { Distrust } from '../../../src/cli/distrust.ts'
import { silentLog } from '../../../src/observe/log.ts'

function distrust(log = silentLog): { subject: Distrust; did: unknown[] } {
  const did: unknown[] = []
  const act = (what: string) => (): Promise<void> => {
    did.push(what)
    return Promise.resolve()
  }
  const caught = (place: string, error: unknown): void => {
    log.error({}, 'told')
    did.push(place, error)
  }
  const node = { caught, log, drain: act('drain'), close: act('close') }
  return { subject: new Distrust(node, (code) => did.push(`exit ${code}`)), did }
}

it('a rejection is told, and the node lives', () => {
  const { subject, did } = distrust()
  subject.started()
  subject.met('unhandled_rejection', 'why')
  expect(did).toEqual(['unhandled_rejection', 'why'])
  expect(subject.ended).toBe(false)
})

it('an exception moves the clients away, one more ends that at once, and a third the process', () => {
  const { subject, did } = distrust()
  subject.started()
  for (const error of [1, 2, 3]) subject.met('uncaught_exception', error)
  const each = (error: number): unknown[] => ['uncaught_exception', error]
  expect(did).toEqual([...each(1), 'drain', ...each(2), 'close', ...each(3), 'exit 1'])
  expect(subject.ended).toBe(true)
})

it('before the start is complete there is nobody to move away', () => {
  const { subject, did } = distrust()
  subject.met('uncaught_exception', 1)
  expect(did).toEqual(['uncaught_exception', 1, 'close'])
})

it('where the log cannot be written the same is done', () => {
  const broken = {
    ...silentLog,
    error() {
      throw new Error('EPIPE')
    },
  }
  const { subject, did } = distrust(broken)
  subject.started()
  subject.met('unhandled_rejection', 1)
  subject.met('uncaught_exception', 1)
  expect(did).toEqual(['drain'])
})
