/**
 * What a provider reports of what it was sent. The position is the stored rank (append only): reports come late, twice and
 * in any order, and a lower one takes nothing back. `accepted`: the provider has it, which is not told again.
 */
export const standings = ['accepted', 'delivered', 'undelivered', 'bounced', 'complained'] as const
export type Standing = (typeof standings)[number]
/** What events tell of it. */
export type ToldStanding = Exclude<Standing, 'accepted'>
