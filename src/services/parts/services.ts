import type { Access } from '../../caller.js';
import type { Context } from '../../context.js';
import { insertService, updateService } from '../../db/child-services.js';
import type { ChildRecord, Service } from '../../db/children.js';
import { deletePart } from '../../db/record-parts.js';
import { DirectoryError } from '../../errors.js';
import type { NewService, ServiceChange } from '../../schemas/work.js';
import { changeChild } from '../change-child.js';
import type { ReadChild } from '../read-child.js';
import { requireRoom } from './room.js';
import { requireConsent } from './sensitive.js';

const services = { parts: ['services'], reach: { hidden: true } };

export async function addService(
  context: Context,
  access: Access,
  childId: string,
  version: number,
  service: NewService,
  key?: string,
): Promise<ReadChild> {
  return changeChild(context, access, childId, version, {
    action: 'add-service',
    ...services,
    creation: { route: 'POST /v1/children/:childId/services', key, body: service },
    async apply(trx, _standing, seen) {
      requireRoom(seen.services);
      await insertService(trx, childId, service);
    },
  });
}

export async function changeService(
  context: Context,
  access: Access,
  childId: string,
  version: number,
  serviceId: string,
  change: ServiceChange,
): Promise<ReadChild> {
  return changeChild(context, access, childId, version, {
    action: 'change-service',
    ...services,
    async apply(trx) {
      if (!(await updateService(trx, childId, serviceId, change)))
        throw new DirectoryError('not-found', 'No such service');
    },
  });
}

export async function removeService(
  context: Context,
  access: Access,
  childId: string,
  version: number,
  serviceId: string,
  { withdrawn = false } = {},
): Promise<ReadChild> {
  return changeChild(context, access, childId, version, {
    action: 'remove-service',
    ...services,
    async apply(trx, _standing, seen) {
      const service = getService(seen, serviceId);
      if (withdrawn) requireConsent(service.sensitive);
      await deletePart(trx, 'services', childId, serviceId);
    },
  });
}

function getService(seen: ChildRecord, serviceId: string): Service {
  const service = seen.services.find((one) => one.serviceId === serviceId);
  if (!service) throw new DirectoryError('not-found', 'No such service');
  return service;
}
