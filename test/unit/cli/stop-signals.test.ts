import { expect, it } from 'vitest'
import { StopSignals } from '../../../src/cli/stop-signals.ts'
import type { Signal } from '../../../src/cli/terminal.ts'

/** What each of them means, a second apart. */
function meaning(...signals: readonly Signal[]): string[] {
  const stop = new StopSignals()
  return signals.map((signal, second) => stop.heard(signal, second * 1000))
}

it('SIGTERM drains, a second one hurries, a third one closes, and more change nothing', () => {
  expect(meaning('SIGTERM', 'SIGTERM', 'SIGTERM', 'SIGTERM')).toEqual(['drain', 'hurry', 'close', 'none'])
})

it('SIGINT closes, also what is being drained, and a second one ends the process', () => {
  expect(meaning('SIGINT', 'SIGINT')).toEqual(['close', 'exit'])
  expect(meaning('SIGTERM', 'SIGINT', 'SIGINT')).toEqual(['drain', 'close', 'exit'])
  expect(meaning('SIGTERM', 'SIGTERM', 'SIGINT')).toEqual(['drain', 'hurry', 'close'])
})

it('SIGTERM does not cut short the farewell of a node that was interrupted', () => {
  expect(meaning('SIGINT', 'SIGTERM', 'SIGINT')).toEqual(['close', 'none', 'exit'])
})

it('one press of Ctrl-C that comes twice, from the terminal and from npm, is one', () => {
  const stop = new StopSignals()
  expect(stop.heard('SIGINT', 0)).toBe('close')
  expect(stop.heard('SIGINT', 20)).toBe('none')
  expect(stop.heard('SIGINT', 1000)).toBe('exit')
})
