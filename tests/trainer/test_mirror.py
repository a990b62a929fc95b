"""Left and right are read from the names that labs give their key points; what cannot be told is never guessed."""

import pytest

from trainer.errors import LabelError
from trainer.labels.mirror import order_of, sides_of

Pair = tuple[str, str]


def both(*patterns: str, sides: Pair = ("left", "right")) -> tuple[Pair, ...]:
    """A pair for each pattern: "{}_ear" stands for left_ear and right_ear."""
    return tuple((pattern.format(sides[0]), pattern.format(sides[1])) for pattern in patterns)


LETTERS = ("L", "R")
SMALL = ("l", "r")

# names as the tools and data sets have them: skeleton, its points without a side, its pairs (left, right)
SKELETONS: dict[str, tuple[tuple[str, ...], tuple[Pair, ...]]] = {
    "open field": (("snout", "tailbase"), both("{}ear")),
    "DeepLabCut, three mice": (
        ("snout", "shoulder", "spine1", "spine2", "spine3", "spine4", "tailbase", "tail1", "tail2", "tailend"),
        both("{}ear"),
    ),
    "marmosets": (
        ("Front", "Middle", "Body1", "Body2", "Body3"),
        (("Left", "Right"), *both("F{}1", "B{}1", "B{}2", "F{}2", sides=LETTERS)),
    ),
    "SuperAnimal, from above": (
        ("nose", "neck", "mid_back", "mouse_center", "mid_backend", "tail_base", "tail1", "tail_end", "head_midpoint"),
        both("{}_ear", "{}_ear_tip", "{}_eye", "{}_shoulder", "{}_midside", "{}_hip"),
    ),
    "SuperAnimal, quadrupeds": (
        ("nose", "upper_jaw", "lower_jaw", "neck_base", "throat_end", "back_base", "back_end", "back_middle", "tail_base", "belly_bottom"),
        both("mouth_end_{}", "{}_eye", "{}_earbase", "{}_antler_end", "front_{}_thai", "front_{}_paw", "back_{}_knee", "body_middle_{}"),
    ),
    "MARS": (("nose tip", "neck", "tail base"), both("{} ear", "{} side body")),
    "CalMS21": (("nose", "neck", "tail_base"), both("{}_ear", "{}_hip")),
    "SLEAP flies": (
        ("head", "thorax", "abdomen"),
        both("wing{}", "foreleg{}4", "midleg{}4", "hindleg{}4", "eye{}", sides=LETTERS),
    ),
    "fly with 32 points": (
        ("head", "neck", "thorax", "abdomen"),
        both("eye{}", "foreleg{}1", "foreleg{}2", "midleg{}1", "hindleg{}3", "wing{}", sides=LETTERS),
    ),
    "Anipose, legs of a fly": ((), both("{}1A", "{}1B", "{}1C", "{}2A", "{}3E", sides=LETTERS)),
    "Anipose, hand": (("wrist", "palm", "t1", "t2", "i1", "i2", "m1", "r1", "r2"), ()),
    "legs by number": (("head",), both("{}1", "{}2", "{}3", sides=LETTERS)),
    "treadmill with a mirror": (
        ("tailBase_top", "tailMid_top", "nose_top", "obs_top", "tailBase_bot", "tailMid_bot", "nose_bot", "obsHigh_bot", "obsLow_bot"),
        (("paw1LH_top", "paw4RH_top"), ("paw2LF_top", "paw3RF_top"), ("paw1LH_bot", "paw4RH_bot"), ("paw2LF_bot", "paw3RF_bot")),
    ),
    "German": (("Nase", "Schwanzansatz"), (("Ohr_links", "Ohr_rechts"), ("linke Pfote", "rechte Pfote"))),
    "Dutch": (("neus",), (("linkeroor", "rechteroor"),)),
    "French": (("nez",), (("oreille_gauche", "oreille_droite"), ("piedGauche", "piedDroit"))),
    "Spanish": (("hocico",), (("oreja_izquierda", "oreja_derecha"), ("pieIzquierdo", "pieDerecho"))),
    "Portuguese": (("focinho",), (("orelha_esquerda", "orelha_direita"),)),
    "Italian": (("naso",), (("orecchio_sinistro", "orecchio_destro"), ("zampaSinistra", "zampaDestra"))),
    "words of two languages, but no pair": (("linkage", "link", "destroyed", "tail"), ()),
    "English words that hold a stem": (
        (),
        both("blink_{}", "{}_linkage", "link_{}", "{}_link1", "{}_destroyed", "pedestrian_{}", "adroit_{}"),
    ),
    "English words that hold a stem, alone": (("blinks", "slinks", "blinker", "adroit", "pedestrian"), ()),
    "upright and straight, German": (("aufrecht", "senkrecht", "waagerecht", "Rechteck_oben"), (("Kopf_links", "Kopf_rechts"),)),
    "straight on, Dutch": (("rechtdoor",), (("linksaf", "rechtsaf"), ("rechtop_links", "rechtop_rechts"))),
    "upright, Dutch": (("rechtop_staan", "rechtdoor"), ()),
    "straight on, French": (("tout_droit", "endroit"), (("tourne_gauche", "tourne_droite"), ("pied_gauche", "pied_droit"))),
    "a word that holds a side, beside sides in French": ((), (("endroit_gauche", "endroit_droit"),)),
    "straight on, Spanish": (("derecho",), (("pie_izquierdo", "pie_derecho"), ("giro_izquierda", "giro_derecha"))),
    "straight on, Portuguese": (("direito", "endireitar"), (("vira_esquerda", "vira_direita"),)),
    "clumsy, Italian": (("maldestro",), ()),
    "plural, French and Spanish": ((), (("pattes_gauches", "pattes_droites"), ("patas_izquierdas", "patas_derechas"))),
    "paws by code, German": ((), both("Pfote_{}", sides=("VL", "VR")) + both("Pfote_{}", sides=("HL", "HR"))),
    "paws by code, German, alone": (("Nase",), (("VL", "VR"), ("HL", "HR"))),
    "paws by three letters, German": (("Nase",), (("VLP", "VRP"), ("HLP", "HRP"))),
    "paws by code, Dutch": (("neus",), (("LV", "RV"), ("LA", "RA"))),
    "abbreviated, Italian": (("naso",), (("orecchio_sx", "orecchio_dx"),)),
    "abbreviated, Spanish": (("hocico",), (("oreja_izq", "oreja_der"), ("ojo_izq", "ojo_dch"), ("pata_izda", "pata_dcha"))),
    "abbreviated, Portuguese": (("focinho",), (("orelha_esq", "orelha_dir"),)),
    "abbreviated, German": (("Nase",), (("Ohr_li", "Ohr_re"),)),
    "one letter, French": (("nez",), both("oreille_{}", "patteAv{}", "œil {}", "{}_épaule", sides=("G", "D"))),
    "one letter, French, a single pair": (("nez", "queue"), both("patte_{}", sides=("G", "D"))),
    "three letters, French": (("nez",), (("patte_AVG", "patte_AVD"), ("patte_ARG", "patte_ARD"))),
    "French letters that count": ((*(f"moustache_{letter}" for letter in "DEFG"), *(f"doigt{letter}" for letter in "ABCDEFGH")), ()),
    "a French letter alone": (("patte_D", "AVG"), ()),
    "letters G and D, no part of a body": (
        ("tip_D", "tip_G", "base_D", "base_G", "d1", "g1", "leg6_G", "leg3_D", "AVG", "AVD"),
        (),
    ),
    "letters G and D beside sides": (("tip_G", "tip_D", "mid_G", "mid_D"), both("ear_{}", sides=LETTERS)),
    "letters G and D behind sides": ((), both("{}coxa_d", "{}coxa_g", sides=SMALL)),
    "abbreviations without a partner": (("dx", "dir", "der", "re", "VL", "LA"), ()),
    "two letters": ((), both("{}E", "{}A", sides=LETTERS)),
    "two small letters": ((), both("{}e", "{}w", sides=SMALL)),
    "three letters": ((), both("{}sh", "{}el", sides=LETTERS)),
    "two letters, no code": ((), both("{}P", "{}S", sides=LETTERS)),
    "two letters beside codes": ((), both("{}F", "{}H", "{}W", sides=LETTERS)),
    "two letters, a whole body": ((), both("{}S", "{}E", "{}W", "{}H", "{}K", "{}A", sides=LETTERS)),
    "three letters, the last one tells": ((), both("TR{}", "SC{}", sides=LETTERS)),
    "two letters, the last one tells": ((), both("E{}", "S{}", sides=LETTERS)),
    "two letters beside letters run together": ((), both("{}paw", "{}w", sides=SMALL)),
    "numbers that only count, of other lengths": ((), (("10_ear_left", "9_ear_right"), ("p9_pawL", "p10_pawR"))),
    "numbers that only count, the left one first": ((), (("9_ear_left", "10_ear_right"), ("p99_leg_l", "p100_leg_r"))),
    "numbers that only count, in Spanish": ((), (("9_ojo_izq", "10_ojo_der"), ("9_pie_izquierdo", "10_pie_derecho"))),
    "paws by code": (("nose", "tailbase"), (("LH", "RH"), ("LF", "RF"))),
    "paws by code, the other way": (("nose",), both("paw{}", sides=("FL", "FR")) + both("paw{}", sides=("HL", "HR"))),
    "front and rear": ((), (("FL", "FR"), ("RL", "RR"))),
    "front, middle, hind": (("head",), (("LF", "RF"), ("LM", "RM"), ("LH", "RH"))),
    "paws in small letters": ((), (("lf_paw", "rf_paw"), ("lh_paw", "rh_paw"))),
    "code run together with a word": (("nose",), (("flpaw", "frpaw"), ("hlpaw", "hrpaw"))),
    "code after a word": (("nose",), (("pawlf", "pawrf"), ("pawlh", "pawrh"))),
    "code and word": ((), (("LHpaw", "RHpaw"), ("LFpaw", "RFpaw"))),
    "limbs by three letters": (("Nose",), (("LFP", "RFP"), ("LHP", "RHP"))),
    "mouse face": (("nosetip",), both("{}Ear", "{}Eye", "{}Whisker1", sides=SMALL)),
    "human, MPII": (("pelvis", "thorax", "neck", "head"), both("{}_ankle", "{}_knee", "{}_hip", "{}_wrist", sides=SMALL)),
    "human, COCO": (("nose",), both("{}_eye", "{}_ear", "{}_shoulder", "{}_elbow")),
    "human, words run together": (("head",), both("{}shoulder", "{}elbow", "{}ankle", sides=SMALL)),
    "human, camel case": (("head",), both("{}Ankle", "{}Knee", sides=("Left", "Right"))),
    "human, by dots": (("Neck",), both("Hand.{}", "Foot.{}", sides=LETTERS)),
    "markers of motion capture": (("STRN", "CLAV", "C7"), both("{}SHO", "{}KNE", "{}TOE", "{}ASI", "{}FHD", sides=LETTERS)),
    "bee": (("head", "thorax", "abdomen", "stinger"), both("{}antenna_tip", "{}_mandible", "wing_{}")),
    "bee, short": (("Head", "Thorax", "Abdomen", "Proboscis"), both("Ant{}", "Mand{}", sides=LETTERS)),
    "zebra": (
        ("snout", "head", "neck", "tailbase", "tailtip"),
        both("foreleg{}1", "foreleg{}2", "hindleg{}1", "hindleg{}4", sides=LETTERS),
    ),
    "larval fish": (("swimbladder", "tail0", "tail1"), both("{}Eye", "eye_{}_front", sides=("Left", "Right"))),
    "numbered at the end": (("back1",), both("{}_paw_1", "{}_paw_2")),
    "suffix": (("nose", "neck"), both("nose_{}", "ear-{}", "hip.{}", sides=SMALL)),
    "ear and capital": (("snout", "rear"), both("ear{}", sides=LETTERS)),
    "unknown words run together": (("tip",), both("{}coxa", "{}trochanter", sides=SMALL)),
    "last letter": (("snout",), both("ear{}", "eye{}", sides=SMALL)),
    "abbreviated": (("nose",), (("Lt_ear", "Rt_ear"), ("lft_eye", "rgt_eye"))),
    "spaces and brackets": ((), both("ear ({})", sides=LETTERS)),
    "sides of a lesion": (("nose", "tailbase"), both("{}_paw", "{}_ear", "wing {}", sides=("ipsi", "contra"))),
    "sides of a lesion, in full": (
        (),
        both("{}_paw", "{}Ear", sides=("ipsilateral", "contralateral")) + both("{}Paw", sides=("Ipsi", "Contra")),
    ),
    "sides of a lesion, run together": (("control", "contrast", "contraction"), both("{}paw", "{}lesional_eye", sides=("ipsi", "contra"))),
    "sides of a lesion beside left and right": ((), (("left_ear", "right_ear"), ("ipsi_paw", "contra_paw"))),
    "sides of a lesion, in other languages": (
        (),
        (("Pfote_ipsi", "Pfote_kontra"), ("patte_ipsilatérale", "patte_controlatérale"), ("zampa_ipsilaterale", "zampa_controlaterale")),
    ),
    "both corners of both eyes": (
        (),
        (("left_eye_left_corner", "right_eye_right_corner"), ("left_eye_right_corner", "right_eye_left_corner")),
    ),
    "corners of an arena": (("animal",), both("top{}", "bottom{}")),
    "words that are no sides": (
        (
            "leg",
            "reg",
            "tail",
            "rear",
            "ear",
            "reared",
            "collar",
            "nail",
            "bridle",
            "upright",
            "bright_spot",
            "cleft",
            "skullLine",
            "headRing",
        ),
        (),
    ),
    "letters that count": (tuple(f"p_{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"), ()),
    "two letters that count": (tuple(f"{letter}{other}" for letter in "klmnopqrs" for other in "abc"), ()),
    "letters alone": (tuple("ABCDEFGHIJKLMNOPQRS"), ()),
    "not English": (("hör", "Kör_2", "鼻"), both("Ohr_{}", sides=SMALL)),
    "pellet": (("Hand", "Finger1", "Finger2", "Tongue", "Joystick1", "Joystick2"), ()),
}


@pytest.mark.parametrize("skeleton", SKELETONS)
def test_the_sides_of_a_skeleton_are_read_from_its_names(skeleton: str) -> None:
    single, pairs = SKELETONS[skeleton]
    names = (*single, *(name for pair in pairs for name in pair))
    found = sides_of(names)
    assert set(found.pairs) == set(pairs)
    assert found.unpaired == ()


@pytest.mark.parametrize("skeleton", SKELETONS)
def test_the_order_of_the_names_does_not_matter(skeleton: str) -> None:
    single, pairs = SKELETONS[skeleton]
    names = (*reversed([name for pair in pairs for name in pair]), *reversed(single))
    assert set(sides_of(names).pairs) == set(pairs)


@pytest.mark.parametrize(
    ("names", "unpaired"),
    [
        (("leftear", "snout"), ("leftear",)),
        (("paw1LH", "paw2LF", "paw3RF", "nose"), ("paw1LH",)),
        (("L1", "L2", "R1"), ("L2",)),
        (("legL1", "legL2", "legR3", "legR4"), ("legL1", "legL2", "legR3", "legR4")),
        (("lpaw", "nose"), ("lpaw",)),
        (("LL", "LR", "RL", "RR"), ("LL", "LR", "RL", "RR")),
        (("L_R", "L_L", "R_L", "R_R"), ("L_R", "L_L", "R_L", "R_R")),
        (("Lpupil", "LDpupil", "Dpupil", "DRpupil", "Rpupil"), ("LDpupil", "DRpupil")),
        (("Nearknee", "Offknee", "Nose"), ("Nearknee", "Offknee")),
        (("lcoxa", "rcoxa", "nose"), ("lcoxa", "rcoxa")),
        (("earL", "EarL", "earR"), ("earL", "EarL", "earR")),
        (("oreille_gauche", "nez"), ("oreille_gauche",)),
        (("Ohr_rechts", "linke Pfote", "Nase"), ("Ohr_rechts", "linke Pfote")),
        (("gauche", "droite", "droit"), ("gauche", "droite", "droit")),
        (("link_left", "recht_left", "link_right", "recht_right"), ("link_left", "recht_left", "link_right", "recht_right")),
        (("left_paw", "right_paw", "LE", "RE"), ("LE", "RE")),
        (("L_ear", "R_ear", "led", "red"), ("led", "red")),
        (("lsh", "rsh", "nose"), ("lsh", "rsh")),
        (("LE", "Le", "RE", "nose"), ("LE", "Le", "RE")),
        (("LFX", "Rfx", "nose"), ("LFX", "Rfx")),
        (("left_paw_D", "left_paw_G", "nose"), ("left_paw_D", "left_paw_G")),
        (("ipsi_paw", "nose", "contrast"), ("ipsi_paw",)),
        (("contralateral_paw", "ipsi_ear", "control"), ("contralateral_paw", "ipsi_ear")),
    ],
    ids=[
        "no right",
        "a code without partner",
        "a leg fewer",
        "other numbers",
        "run together",
        "rows and columns",
        "both letters",
        "pupil",
        "horse",
        "a guess that stands alone",
        "same name",
        "no right in French",
        "each of another part in German",
        "right or straight on",
        "two words that may be sides",
        "two letters beside words",
        "three letters beside single ones",
        "three letters that stand alone",
        "two letters, same name",
        "a code beside a guess",
        "letters G and D behind one side",
        "no contralateral one",
        "each of another part",
    ],
)
def test_a_name_with_a_side_and_no_certain_partner_is_named(names: tuple[str, ...], unpaired: tuple[str, ...]) -> None:
    found = sides_of(names)
    assert set(found.unpaired) == set(unpaired)
    assert found.order(names) is None


def test_pairs_that_are_named_stand_before_those_that_are_read() -> None:
    names = ("Lpupil", "LDpupil", "Dpupil", "DRpupil", "Rpupil", "L5")
    found = sides_of(names, said=[("LDpupil", "DRpupil"), ("L5", "L5")])
    assert set(found.pairs) == {("LDpupil", "DRpupil"), ("Lpupil", "Rpupil")}
    assert found.order(names) == (4, 3, 2, 1, 0, 5)


def test_a_named_pair_takes_a_partner_away_and_the_other_is_then_alone() -> None:
    found = sides_of(("leftear", "rightear", "tag"), said=[("leftear", "tag")])
    assert found.pairs == (("leftear", "tag"),)
    assert found.unpaired == ("rightear",)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ([("leftear", "rightere")], "'rightere' is not among the key points leftear, rightear, tag; did you mean 'rightear'?"),
        ([("leftear", "rightear"), ("leftear", "tag")], "'leftear' is in 2 pairs"),
    ],
)
def test_pairs_that_cannot_be_are_refused(said: list[Pair], message: str) -> None:
    with pytest.raises(LabelError) as refused:
        sides_of(("leftear", "rightear", "tag"), said=said)
    assert message in str(refused.value)


def test_pairs_become_an_order_of_points() -> None:
    assert order_of(("a", "b", "c"), [("c", "a")]) == (2, 1, 0)
