import type { Stage } from '../stages.ts'
import { count } from './numbers.ts'

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

/** What a rate of a stage leaves out, since nobody tells of it there. */
export const leftOut: Partial<Record<Stage, string>> = {
  delivered: 'without push',
  seen: 'without email and SMS',
  acted: 'of types with a success',
}

/** What took time. What was accepted at the first try is told together with the attempt: only later tries are a step of their own. */
export const stepNames: Record<Stage, string> = { ...stageNames, accepted: 'Accepted on retry' }

/** A machine code for people: `suppressed_mute` is “suppressed mute”; the reason of a hold stands behind it. */
export const fateOf = ({ what, reason }: { what: string; reason?: string }): string =>
  `${what.replaceAll('_', ' ')}${reason === undefined ? '' : `: ${reason.replaceAll('_', ' ')}`}`

export const groupOf = (group: string | null | undefined): string => (group === undefined ? 'All' : (group ?? '(none)'))

/** What stands for a chart that has nothing to show: `none`, unless there is something too small to be told. */
export const emptyText = (hidden: number, none: string): string =>
  hidden > 0 ? 'Too few in this time to be told.' : none

/** Beside what is shown: how many groups are not, for there are fewer in them than may be told of. */
export const hiddenText = (hidden: number): string =>
  hidden === 1
    ? 'One group is too small to be told.'
    : `${count(hidden)} groups are too small to be told, or would give away one that is.`

/** The same of periods, or of groups in them. */
export const gapsText = (periods: number): string =>
  periods === 1
    ? 'In one period not everything is told: what is missing is of too few, or would give away what is.'
    : `In ${count(periods)} periods not everything is told: what is missing is of too few, or would give away what is.`
