import type { Lane } from './channel.ts'

/** Names of topics and subscriptions; `prefix` keeps several installations in one project apart. */
export const topicOf = (prefix: string, lane: Lane): string => `${prefix}-intents-${lane}`
export const routerSubscriptionOf = (prefix: string, lane: Lane): string => `${prefix}-router-${lane}`
export const eventsTopicOf = (prefix: string): string => `${prefix}-events`
export const sinkSubscriptionOf = (prefix: string): string => `${prefix}-sink`
