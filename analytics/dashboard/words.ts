import type { Stage } from '../stages.ts'

/** What passed each stage, for people. */
export const stageNames: Record<Stage, string> = {
  intended: 'Intended',
  decided: 'Decided to send',
  attempted: 'Attempted',
  accepted: 'Accepted by provider',
  delivered: 'Delivered',
  seen: 'Seen',
  opened: 'Opened',
  acted: 'Acted',
}

/** A machine code for people: `suppressed_mute` is “suppressed mute”; the reason of a hold stands behind it. */
export const fateOf = ({ what, reason }: { what: string; reason?: string }): string =>
  `${what.replaceAll('_', ' ')}${reason === undefined ? '' : `: ${reason.replaceAll('_', ' ')}`}`

export const groupOf = (group: string | null | undefined): string => (group === undefined ? 'All' : (group ?? '(none)'))
