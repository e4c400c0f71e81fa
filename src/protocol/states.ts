/**
 * What a node, a drain and an attempt to connect can be, in words: those who decide have them, and so have the table of nodes, the API and
 * the metrics page.
 */

/** Of a node; `cordoned`: it would be active, but operators keep it out. */
export type NodeState = 'starting' | 'active' | 'cordoned' | 'draining' | 'closing'

/** Why admission turns a connection attempt away. */
export const ADMISSION_REFUSALS = [
  'connections',
  'address',
  'lag',
  'memory',
  'queue_full',
  'queue_timeout',
  'aborted',
  'starting',
  'draining',
  'closing',
] as const

export type AdmissionRefusal = (typeof ADMISSION_REFUSALS)[number]

/** How far a drain is. */
export const DRAIN_STATES = ['waiting', 'moving', 'paused', 'closing', 'gone', 'cancelled'] as const

/** Why a drain waits, in one word. */
export const HOLD_REASONS = ['alone', 'unwell', 'queue', 'other_unwell', 'room', 'returning', 'job'] as const
