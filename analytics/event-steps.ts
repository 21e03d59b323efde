import type { EventCode } from './fold.ts'
import { type Stage, stages } from './stages.ts'

const providerWords = [
  'moved',
  'sent',
  'delivered',
  'rejected',
  'address_dead',
  'suppressed_address',
  'provider_exhausted',
]

export const isAccepted = ({ kind, what }: EventCode): boolean =>
  kind === 'settled' && (what === 'sent' || what === 'delivered')

/**
 * A provider was called, or may have been. Packs from before they said so: there only an answer closes or moves a delivery
 * without a rule; and what moved to another account was told so by one, unless the first was not to be called (`unfit`).
 */
const isCalled = (code: EventCode): boolean => code.kind === 'settled' && (code.called === true || isCalledBefore(code))
const isCalledBefore = ({ what, rule }: EventCode): boolean =>
  what === 'in_doubt' || rule === 'rerouted' || (rule === null && providerWords.includes(what))

const isDeed = ({ kind, what }: EventCode, ...deeds: string[]): boolean => kind === 'engaged' && deeds.includes(what)
const isLook = (code: EventCode): boolean => isDeed(code, 'seen', 'opened', 'read')
export const isOpened = (code: EventCode): boolean => isDeed(code, 'opened', 'read')
export const isMachine = (code: EventCode): boolean => isDeed(code, 'machine_opened')

/** Which events are a step. One that says more says what comes before it, too: who opened it, saw it. */
const steps: Record<Stage, (code: EventCode) => boolean> = {
  intended: ({ kind }) => kind === 'decided',
  decided: ({ kind, what }) => kind === 'decided' && what === 'deliver',
  attempted: code => isCalled(code) || isAccepted(code),
  accepted: isAccepted,
  delivered: code =>
    (code.what === 'delivered' && (code.kind === 'settled' || code.kind === 'standing')) || isLook(code),
  seen: isLook,
  opened: isOpened,
  acted: code => isDeed(code, 'acted'),
}

/** The steps that an event is, as bits by their position in `stages`. */
export const stepBits = (code: EventCode): number =>
  stages.reduce((bits, stage, at) => bits | (steps[stage](code) ? 1 << at : 0), 0)
