"""Names in the BIDS derivatives are those that BIDS allows, and no two scans share one."""

import re

from hypothesis import given
from hypothesis import strategies as st

from bodies import contrasts
from marrow.planning.bids import image_name, sessions
from marrow.planning.contrasts import declared_contrasts
from marrow.planning.sheet import Scan

IDS = st.from_regex(r"[A-Za-z0-9](?:[A-Za-z0-9_-]){0,6}", fullmatch=True)


@given(st.lists(st.tuples(IDS, IDS), min_size=1, max_size=8, unique_by=lambda pair: pair[0].casefold()))
def test_labels_are_letters_and_digits_and_unique(pairs):
    named = sessions([Scan(scan=scan, patient=patient) for scan, patient in pairs])
    assert all(
        re.fullmatch("[A-Za-z0-9]+", part) for labels in named.values() for part in (labels.subject, labels.session)
    )
    assert len({labels.session.casefold() for labels in named.values()}) == len(pairs)
    patients = dict(pairs)
    subjects = {(patients[scan], labels.subject) for scan, labels in named.items()}
    assert len(subjects) == len({patient for _, patient in pairs}) == len({subject for _, subject in subjects})


def test_images_are_named_by_what_they_are_for():
    fat, high, adc = contrasts("fat", "b900", "adc")
    assert image_name(fat) == ("anat", "acq-fat_desc-standardised_T1w.nii")
    assert image_name(high) == ("dwi", "acq-b900_desc-standardised_trace.nii")
    assert image_name(adc) == ("dwi", "desc-measured_ADC.nii")
    stir = declared_contrasts({"t1": {"roles": ["grid"]}, "stir": {"roles": ["structural"]}})["stir"]
    assert image_name(stir) == ("anat", "acq-stir_desc-standardised_T2w.nii")
