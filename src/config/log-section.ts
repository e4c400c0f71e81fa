/**
 * What a node says of itself and of its connections.
 */
import { flagOrAuto, fraction, integer, oneOf, option, section, text } from './option.ts'

export const LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const

const LINES_MAX = 100_000

export function logSection() {
  return section("The node's own log, on standard output.", {
    level: option(oneOf(LEVELS), 'info', {
      env: 'SLUICE_LOG_LEVEL',
      doc: 'What is logged: this level and those after it in the list. `sluice log-level` changes it while the node runs.',
    }),
    pretty: option(flagOrAuto(), 'auto', {
      doc: 'Readable lines instead of JSON; `auto` where the output is a terminal.',
    }),
    connections: option(fraction({ min: 0, max: 1 }), 1, {
      env: 'SLUICE_LOG_CONNECTIONS',
      doc: 'The part of the users whose connections are a line of the level `info` when they begin and one when they end: of a user all, on every node, or none.',
    }),
    reports: option(
      text('the path of a directory, or nothing', () => true),
      '',
      {
        env: 'SLUICE_LOG_REPORTS',
        doc: "Where a report is written when the event loop stands still for 5 s, half of what `/livez` allows: lags, memory, threads, limits and what the process has used, without environment and command line. Empty: the system's directory for temporary files.",
      },
    ),
    connectionsPerSecond: option(integer({ min: 0, max: LINES_MAX }), 100, {
      doc: 'No more of these lines in a second; how many were left out is a line too. 0: no limit.',
    }),
  })
}
