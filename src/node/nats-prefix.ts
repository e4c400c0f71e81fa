/** The first token of all subjects. Answers to this node come there too, where nobody else may listen. */
export const NATS_PREFIX = 'sluice'
